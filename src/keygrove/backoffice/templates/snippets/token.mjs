const response = await fetch({{ token_url|string }}, {
  method: "POST",
  headers: { "User-Agent": "My-Company/Marketing-Automation-App" },
  body: new URLSearchParams({
    grant_type: "client_credentials",
    scope: {{ scope|string }},
    audience: {{ audience|string }},
    client_id: process.env.KEYGROVE_CLIENT_ID,
    client_secret: process.env.KEYGROVE_CLIENT_SECRET,
  }),
});
const token = await response.json();
if (!response.ok) throw new Error(token.error_description);

console.log(token.access_token);
