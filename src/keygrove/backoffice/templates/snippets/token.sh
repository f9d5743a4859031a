curl -X POST {{ token_url|sh }} \
  -H 'Content-Type: application/x-www-form-urlencoded' \
  -H 'User-Agent: My-Company/Marketing-Automation-App' \
  -d 'grant_type=client_credentials' \
  -d {{ ("scope=" ~ scope)|sh }} \
  -d {{ ("audience=" ~ audience)|sh }} \
  -d {{ ("client_id=" ~ client_id)|sh }} \
  -d {{ ("client_secret=" ~ client_secret)|sh }}
