// How the test speaks with a client: one JSON object a line, on standard input and output.
// In:  what the client is registered as, and the flow. In the code flow, each time that the client has written
//      { authorization_url }, the address that the person was sent back to; what a form posts there stands in
//      its query.
// Out: the tokens, and what the client itself found out from them.
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => JSON.parse((await lines.next()).value)
const write = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)

// A JSON Web Key to sign with, as the libraries take one.
export async function privateKey(text) {
  const jwk = JSON.parse(text)
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  return { key: await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['sign']), kid: jwk.kid }
}

export async function run(flows) {
  const registration = await read()
  const person = async (url) => {
    write({ authorization_url: String(url) })
    return new URL((await read()).callback)
  }
  write(await flows[registration.flow](registration, person))
  process.exit(0)
}
