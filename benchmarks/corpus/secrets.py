"""Secrets in code, settings, logs and chats. The values are drawn at random in their makers' documented formats."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator

from benchmarks.corpus.item import ALNUM, BASE64, DIGITS, HEX, PLAIN, UPPER, URL64, Item, Maker, filled, of

_PASSWORD = ALNUM + "!#$%^*-_+=?."
_WORDS = ("Falcon", "river", "Tango", "winter", "Copper", "maple", "Orbit", "lemon", "Granit", "velvet", "Onyx")


def _password(rng: random.Random) -> str:
    if rng.random() < 0.4:
        return "".join(rng.sample(_WORDS, 2)) + str(rng.randint(10, 9999)) + rng.choice("!#$%*?")
    return rng.choice(UPPER) + of(_PASSWORD, 9, 18)(rng) + rng.choice(DIGITS)


def _jwt(rng: random.Random) -> str:
    def part(value: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    head = part({"alg": rng.choice(["HS256", "RS256", "ES256"]), "typ": "JWT"})
    body = part({"sub": of(DIGITS, 8)(rng), "iat": rng.randint(1_600_000_000, 1_760_000_000), "scope": "api"})
    return f"{head}.{body}.{of(URL64, 43)(rng)}"


def _pem(kind: str, lines: int) -> Maker:
    def make(rng: random.Random) -> str:
        body = "\n".join(of(BASE64, 64)(rng) for _ in range(lines)) + "\n" + of(BASE64, 42)(rng) + "=="
        return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----"

    return make


def _joined(*parts: str | Maker) -> Maker:
    return lambda rng: "".join(part if isinstance(part, str) else part(rng) for part in parts)


TOKENS: dict[str, Maker] = {
    "aws access key": _joined("AKIA", of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
    "github personal": _joined("ghp_", of(ALNUM, 36)),
    "github fine-grained": _joined("github_pat_", of(ALNUM, 22), "_", of(ALNUM, 59)),
    "github server": _joined("ghs_", of(ALNUM, 36)),
    "gitlab personal": _joined("glpat-", of(URL64, 20)),
    "slack bot": _joined("xoxb-", of(DIGITS, 12), "-", of(DIGITS, 13), "-", of(ALNUM, 24)),
    "slack user": _joined("xoxp-", of(DIGITS, 12), "-", of(DIGITS, 12), "-", of(DIGITS, 13), "-", of(HEX, 32)),
    "slack hook": _joined(
        "https://hooks.slack.com/services/T",
        of(UPPER + DIGITS, 9, 10),
        "/B",
        of(UPPER + DIGITS, 10),
        "/",
        of(ALNUM, 24),
    ),
    "discord hook": _joined("https://discord.com/api/webhooks/", of(DIGITS, 18), "/", of(URL64, 68)),
    "discord bot": _joined("MTA", of(ALNUM, 23), ".", of(URL64, 6), ".", of(URL64, 38)),
    "stripe live": _joined("sk_live_", of(ALNUM, 24)),
    "stripe long": _joined("sk_live_51", of(ALNUM, 97)),
    "stripe restricted": _joined("rk_live_", of(ALNUM, 24)),
    "openai": _joined("sk-", of(ALNUM, 20), "T3BlbkFJ", of(ALNUM, 20)),
    "openai project": _joined("sk-proj-", of(URL64, 74), "T3BlbkFJ", of(URL64, 74)),
    "anthropic": _joined("sk-ant-api03-", of(URL64, 93), "AA"),
    "google api": _joined("AIza", of(URL64, 35)),
    "google oauth secret": _joined("GOCSPX-", of(URL64, 28)),
    "hugging face": _joined("hf_", of(ALNUM, 34)),
    "npm": _joined("npm_", of(ALNUM, 36)),
    "pypi": _joined("pypi-AgEIcHlwaS5vcmc", of(URL64, 140)),
    "sendgrid": _joined("SG.", of(URL64, 22), ".", of(URL64, 43)),
    "twilio key": _joined("SK", of(HEX, 32)),
    "telegram bot": _joined(of("123456789", 1), of(DIGITS, 8), ":AA", of(URL64, 33)),
    "digitalocean": _joined("dop_v1_", of(HEX, 64)),
    "databricks": _joined("dapi", of(HEX, 32)),
    "shopify": _joined("shpat_", of(HEX, 32)),
    "square": _joined("sq0atp-", of(URL64, 22)),
    "vault": _joined("hvs.", of(URL64, 92)),
    "terraform cloud": _joined(of(ALNUM, 14), ".atlasv1.", of(ALNUM, 67)),
    "linear": _joined("lin_api_", of(ALNUM, 40)),
    "notion": _joined("ntn_", of(DIGITS, 11), of(ALNUM, 35)),
    "figma": _joined("figd_", of(URL64, 40)),
    "postman": _joined("PMAK-", of(HEX, 24), "-", of(HEX, 34)),
    "new relic": _joined("NRAK-", of(UPPER + DIGITS, 27)),
    "grafana": _joined("glsa_", of(ALNUM, 32), "_", of(HEX, 8)),
    "doppler": _joined("dp.pt.", of(ALNUM, 43)),
    "airtable": _joined("pat", of(ALNUM, 14), ".", of(HEX, 64)),
    "atlassian": _joined("ATATT3xFfGF0", of(URL64, 180), "=", of("0123456789ABCDEF", 8)),
    "replicate": _joined("r8_", of(ALNUM, 37)),
    "groq": _joined("gsk_", of(ALNUM, 52)),
    "perplexity": _joined("pplx-", of(ALNUM, 48)),
    "supabase": _joined("sbp_", of(HEX, 40)),
    "planetscale": _joined("pscale_tkn_", of(URL64, 43)),
    "mailgun": _joined("key-", of(HEX, 32)),
    "mailchimp": _joined(of(HEX, 32), "-us", of("123456789", 1)),
    "rubygems": _joined("rubygems_", of(HEX, 48)),
    "docker hub": _joined("dckr_pat_", of(URL64, 27)),
    "age key": _joined("AGE-SECRET-KEY-1", of("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
    "alibaba": _joined("LTAI5t", of(ALNUM, 18)),
    "sentry": _joined("sntrys_eyJ", of(BASE64, 90), "_", of(BASE64, 43)),
    "jwt": _jwt,
    "azure storage": _joined(
        "DefaultEndpointsProtocol=https;AccountName=stacmeprod;AccountKey=",
        of(BASE64, 86),
        "==;EndpointSuffix=core.windows.net",
    ),
    "azure client secret": _joined(of(ALNUM, 3), "8Q~", of(ALNUM + "-_.~", 34)),
}
_DATABASES: dict[str, Maker] = {
    "postgres": _joined("postgresql://<<account>>:", _password, "@<<host>>:5432/orders"),
    "mysql": _joined("mysql://<<account>>:", _password, "@<<host>>/shop"),
    "mongodb": _joined("mongodb+srv://<<account>>:", _password, "@cluster0.ab12c.mongodb.net/app?retryWrites=true"),
    "redis": _joined("redis://:", _password, "@<<host>>:6379/0"),
    "amqp": _joined("amqps://<<account>>:", _password, "@<<host>>:5671/vhost"),
    "basic": _joined("https://<<account>>:", of(ALNUM, 14, 20), "@artifacts.acme.io/repository/pypi/simple"),
}
_KEYS: dict[str, Maker] = {
    "rsa": _pem("RSA PRIVATE KEY", 12),
    "pkcs8": _pem("PRIVATE KEY", 14),
    "ec": _pem("EC PRIVATE KEY", 2),
    "openssh": _pem("OPENSSH PRIVATE KEY", 6),
    "pgp": _pem("PGP PRIVATE KEY BLOCK", 9),
}
_TOKEN_PLACES = (
    "export API_TOKEN=<<secret>>\nnpm run deploy -- --stage prod",
    'client = Client(token="<<secret>>", timeout=30)\nprint(client.me())',
    "const auth = '<<secret>>';\nfetch(url, { headers: { Authorization: `Bearer ${auth}` } })",
    '{\n  "service": "billing",\n  "retries": 3,\n  "token": "<<secret>>"\n}',
    "steps:\n  - name: publish\n    env:\n      TOKEN: <<secret>>\n    run: make publish",
    "hi <<first>>, the sandbox one stopped working so use <<secret>> until <<day>>, thanks",
    "2025-02-11T08:14:55Z ERROR upstream 401 for request id=<<number>> header=<<secret>> retry=2",
    'curl -sS -H "Authorization: Bearer <<secret>>" https://api.acme.io/v2/items?page=<<number>>',
    "Why does this fail?\n\n```python\nTOKEN = '<<secret>>'\nr = requests.get(URL, headers={'X-Token': TOKEN})\n```",
    "Please review my diff:\n-  token: ${TOKEN}\n+  token: <<secret>>\n   region: eu-west-1",
    "Ticket <<number>>: customer pasted a credential (<<secret>>) into the public forum. Rotate it today.",
    "<<first>> <<last>> wrote: ok so login, open settings, paste <<secret>> in the second box and press save",
    "| name | value |\n|---|---|\n| region | us-east-2 |\n| key | <<secret>> |\n",
    "Bonjour, voici la clé pour l'intégration : <<secret>>. Merci de ne pas la partager.",
    "Hallo zusammen, der neue Schlüssel lautet <<secret>> und gilt bis <<day>>.",
    "La clave del entorno de pruebas es <<secret>>, avísame si falla.",
    '<configuration><add key="ApiToken" value="<<secret>>" /></configuration>',
    "$ cat ~/.config/tool/credentials\n[default]\nkey = <<secret>>\n",
    'resource "kubernetes_secret" "t" {\n  data = { token = "<<secret>>" }\n}',
    "токен для стенда: <<secret>> (не забудь удалить сообщение)",
)
_PASSWORD_PLACES = (
    ("env", "DB_USER=<<account>>\nDB_PASSWORD=<<secret>>\nDB_HOST=<<host>>\n"),
    ("env", "export PGPASSWORD='<<secret>>'\npsql -h <<host>> -U <<account>> orders"),
    (
        "yaml",
        'datasource:\n  username: <<account>>\n  password: "<<secret>>"\n  url: jdbc:postgresql://<<host>>/orders',
    ),
    ("json", '{"host": "<<host>>", "user": "<<account>>", "password": "<<secret>>", "pool": 10}'),
    ("python", "conn = psycopg.connect(host='<<host>>', user='<<account>>', password='<<secret>>')"),
    ("java", 'private static final String DB_PASSWORD = "<<secret>>";\n// TODO move to vault'),
    ("properties", "spring.datasource.username=<<account>>\nspring.datasource.password=<<secret>>\n"),
    ("ado", "Server=<<host>>;Database=Sales;User Id=<<account>>;Password=<<secret>>;Encrypt=True"),
    ("curl", "curl -u <<account>>:<<secret>> https://<<host>>/api/v1/jobs"),
    ("netrc", "machine <<host>>\nlogin <<account>>\npassword <<secret>>\n"),
    ("php", "define('DB_PASSWORD', '<<secret>>');\ndefine('DB_HOST', '<<host>>');"),
    ("go", 'cfg := Config{User: "<<account>>", Password: "<<secret>>", Addr: "<<host>>:5432"}'),
    ("ini", "[smtp]\nserver = <<host>>\nuser = <<account>>\npassword = <<secret>>\ntls = yes\n"),
    ("compose", "services:\n  db:\n    image: mysql:8\n    environment:\n      MYSQL_ROOT_PASSWORD: <<secret>>\n"),
    ("cli", "mysql -h <<host>> -u <<account>> --password=<<secret>> shop < dump.sql"),
    ("sshpass", "sshpass -p '<<secret>>' ssh <<account>>@<<host>> uptime"),
    ("sql", "CREATE USER <<account>> WITH PASSWORD '<<secret>>';\nGRANT SELECT ON orders TO <<account>>;"),
    ("chat", "Hey <<first>>, the wifi password is <<secret>> - works on both floors."),
    ("chat", "login: <<account>>\npassword: <<secret>>\nlet me know once you are in"),
    ("chat", "my password for the portal is <<secret>>, can you check why I can't log in?"),
    (
        "mail",
        "Hello <<first>>,\nyour account at <<company>> is ready. Temporary password: <<secret>>\nPlease change it.",
    ),
    ("german", "Guten Tag <<first>>, das Passwort für den Server lautet <<secret>> . Benutzer: <<account>>"),
    ("french", "Bonjour, ton mot de passe provisoire : <<secret>> (à changer dès la première connexion)"),
    ("spanish", "Usuario: <<account>>\nContraseña: <<secret>>\nNo lo compartas con nadie."),
    ("italian", "Ciao <<first>>, la password del gestionale è: <<secret>>"),
    ("portuguese", "A senha do banco de homologação é: <<secret>> (usuário <<account>>)"),
    ("polish", "Cześć, hasło: <<secret>> login: <<account>>"),
    ("russian", "Логин: <<account>> Пароль: <<secret>>"),
    ("chinese", "账号：<<account>> 密码：<<secret>>"),
    ("log", "DEBUG auth - attempting bind dn=cn=<<account>> password=<<secret>> host=<<host>>"),
    ("table", "| host | user | password |\n|---|---|---|\n| <<host>> | <<account>> | <<secret>> |\n"),
    ("table", "server;login;Passwort\n<<host>>;<<account>>;<<secret>>\n"),
    ("kubernetes", '      - name: DB_PASSWORD\n        value: "<<secret>>"\n'),
    ("typed", 'const dbPassword: string = "<<secret>>";'),
    ("portuguese", "Segue a senha do e-mail: <<secret>>"),
    ("powershell", "$cred = ConvertTo-SecureString '<<secret>>' -AsPlainText -Force"),
)
_GENERIC_PLACES = (
    ("api_key assignment", 'api_key = "<<secret>>"\nbase_url = "https://api.<<host>>/v1"', of(HEX, 32)),
    ("secret key django", "SECRET_KEY = '<<secret>>'\nDEBUG = False", of(ALNUM + "!@#%^&*(-_=+)", 50)),
    ("aws secret", "aws_access_key_id = <<id>>\naws_secret_access_key = <<secret>>\n", of(BASE64, 40)),
    ("client secret", "client_id=<<account>>&client_secret=<<secret>>&grant_type=client_credentials", of(ALNUM, 40)),
    ("bearer", "GET /v1/me HTTP/1.1\nHost: <<host>>\nAuthorization: Bearer <<secret>>\n", of(URL64, 48)),
    ("access token json", '{"access_token":"<<secret>>","expires_in":3600,"token_type":"bearer"}', of(ALNUM, 64)),
    ("x-api-key", "curl https://<<host>>/data -H 'x-api-key: <<secret>>'", of(ALNUM, 40)),
    ("npmrc", "//registry.acme.io/:_authToken=<<secret>>\nalways-auth=true", of(URL64, 36)),
    ("datadog", "DD_API_KEY=<<secret>>\nDD_SITE=datadoghq.eu", of(HEX, 32)),
    ("cloudflare", "CLOUDFLARE_API_TOKEN=<<secret>> wrangler publish", of(URL64, 40)),
    (
        "heroku",
        "HEROKU_API_KEY=<<secret>> git push heroku main",
        lambda r: "-".join(of(HEX, n)(r) for n in (8, 4, 4, 4, 12)),
    ),
    ("encryption key", "ENCRYPTION_KEY: <<secret>>  # 256 bit", of(HEX, 64)),
    ("session secret", "app.use(session({ secret: '<<secret>>', resave: false }))", of(ALNUM, 32)),
    (
        "basic header",
        "Authorization: Basic <<secret>>",
        lambda r: base64.b64encode(f"deploy:{_password(r)}".encode()).decode(),
    ),
    ("webhook signing", "WEBHOOK_SIGNING_SECRET=<<secret>>\nPORT=8080", lambda r: "whsec_" + of(BASE64, 32)(r)),
)


def items(seed: int) -> Iterator[Item]:
    """About six hundred."""
    rng = random.Random(seed)
    for name, make in TOKENS.items():
        for template in rng.sample(_TOKEN_PLACES, 5):
            yield filled("secrets", name, template, rng, {"secret": ("secrets", make(rng))}, PLAIN)
    for name, make in {**_DATABASES, **_KEYS}.items():
        for template in rng.sample(_TOKEN_PLACES, 5):
            value = make(rng)
            for slot in ("account", "host"):
                value = value.replace(f"<<{slot}>>", PLAIN[slot](rng))
            yield filled("secrets", name, template, rng, {"secret": ("secrets", value)}, PLAIN)
    for name, template in _PASSWORD_PLACES:
        for _ in range(6):
            yield filled("secrets", f"password {name}", template, rng, {"secret": ("secrets", _password(rng))}, PLAIN)
    for name, template, make in _GENERIC_PLACES:
        for _ in range(6):
            labelled = {"secret": ("secrets", make(rng)), "id": ("secrets", TOKENS["aws access key"](rng))}
            yield filled("secrets", name, template, rng, labelled, PLAIN)
