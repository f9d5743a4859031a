// How the test speaks with a client: one JSON object a line, on standard input and output.
// In:  what the client is registered as, and the flow. In the code flow, after the client has written
//      { authorization_url }, the address that the person was sent back to.
// Out: the tokens, and what the client itself found out from them.
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => JSON.parse((await lines.next()).value)
const write = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)

export async function run(flows) {
  const registration = await read()
  const person = async (url) => {
    write({ authorization_url: String(url) })
    return new URL((await read()).callback)
  }
  write(await flows[registration.flow](registration, person))
  process.exit(0)
}
