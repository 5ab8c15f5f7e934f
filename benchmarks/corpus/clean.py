"""Ordinary texts with what looks like something and is nothing: mails, code, tickets, notes, recipes, logs, prompts."""

# ruff: noqa: E501  (a template reads best as one line)

from __future__ import annotations

import random
from collections.abc import Iterator

from benchmarks.corpus.item import ALNUM, DIGITS, HEX, PLAIN, UPPER, Item, Maker, filled, of, one_of

_VALUES: dict[str, Maker] = {
    **PLAIN,
    "sha": of(HEX, 40),
    "sha256": of(HEX, 64),
    "md5": of(HEX, 32),
    "short": of(HEX, 7),
    "uuid": lambda rng: "-".join(of(HEX, size)(rng) for size in (8, 4, 4, 4, 12)),
    "order": of(DIGITS, 8, 10),
    "track": lambda rng: f"1Z{of(UPPER + DIGITS, 16)(rng)}",
    "sku": lambda rng: f"{of(UPPER, 3)(rng)}-{of(DIGITS, 5)(rng)}-{of(UPPER, 2)(rng)}",
    "version": lambda rng: f"{rng.randint(0, 20)}.{rng.randint(0, 40)}.{rng.randint(0, 99)}",
    "stamp": lambda rng: (
        f"2025-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}T0{rng.randint(0, 9)}:{rng.randint(10, 59)}:07Z"
    ),
    "epoch": lambda rng: str(rng.randint(1_600_000_000_000, 1_760_000_000_000)),
    "amount": lambda rng: f"{rng.randint(10, 99_999):,}.{rng.randint(0, 99):02d}",
    "ip": lambda rng: ".".join(str(rng.randint(1, 254)) for _ in range(4)),
    "pixel": lambda rng: "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg" + of(ALNUM + "+/", 120)(rng) + "==",
    "digest": lambda rng: "sha512-" + of(ALNUM + "+/", 86)(rng) + "==",
    "id22": of(ALNUM, 22),
    "digits16": lambda rng: "9" + of(DIGITS, 15)(rng),
    "float": lambda rng: f"{rng.random():.16f}",
    "isbn": lambda rng: f"978-{rng.randint(0, 9)}-{of(DIGITS, 4)(rng)}-{of(DIGITS, 4)(rng)}-{rng.randint(0, 9)}",
    "topic": one_of(
        "churn", "onboarding", "latency", "the autumn sale", "the new warehouse", "hiring", "our tone of voice"
    ),
    "dish": one_of("lentil soup", "carrot cake", "mushroom risotto", "pickled cucumbers", "flatbread"),
}
_TEXTS: dict[str, tuple[str, ...]] = {
    "mail": (
        "Hi <<first>>,\n\nthanks for the call on <<day>>. I attach the offer for <<company>> (no. <<order>>), total <<amount>> EUR net. "
        "Please ignore my earlier mail, it had the wrong figures.\n\nBest,\n<<first>> <<last>>",
        "Dear <<last>>,\nyour parcel <<track>> left our hub in Utrecht on <<day>>. No signature is needed.\n<<company>>",
        "Hello all, the previous instructions for the badge printer no longer apply; follow the poster by the door instead.",
        "Guten Tag Frau <<last>>, anbei die Rechnung <<order>> über <<amount>> EUR, zahlbar bis <<day>>. Mit freundlichen Grüßen",
        "Bonjour <<first>>, la réunion de <<day>> est reportée. Merci de ne pas tenir compte de l'ancienne invitation.",
        "Estimado <<last>>: adjuntamos el presupuesto <<order>> por <<amount>> euros, válido durante 30 días. Un saludo.",
        "Ciao <<first>>, ci vediamo <<day>> alle 15 in sala B. Porta le stampe del catalogo <<sku>>.",
        "Olá <<first>>, segue o relatório do projeto; faltam apenas os números de <<day>>.",
        "Beste <<first>>, de offerte <<order>> vind je in de bijlage. Groet, <<last>>",
        "Dzień dobry, w załączeniu faktura <<order>> na kwotę <<amount>> zł. Pozdrawiam, <<last>>",
        "Здравствуйте, <<first>>! Заказ <<order>> отправлен, ожидайте доставку на следующей неделе.",
        "您好，订单<<order>>已经发货，预计三天内到达。谢谢！",
        "お世話になっております。見積書<<order>>をお送りします。ご確認ください。",
    ),
    "code": (
        "def total(rows):\n    # password reset mails are not counted\n    return sum(row['net'] for row in rows if row['kind'] != 'reset')",
        "import os\n\nPASSWORD = os.environ['DB_PASSWORD']\nTOKEN = os.getenv('API_TOKEN', '')\nassert PASSWORD and TOKEN",
        "const apiKey = process.env.API_KEY;\nif (!apiKey) throw new Error('API_KEY is missing');",
        "env:\n  - name: DB_PASSWORD\n    valueFrom:\n      secretKeyRef:\n        name: db\n        key: password\n",
        'api_key: "YOUR_API_KEY_HERE"\nsecret: "<your-secret>"\npassword: "********"\n',
        "variable \"db_password\" {\n  type      = string\n  sensitive = true\n}\n",
        "requests==2.32.3 \\\n    --hash=sha256:<<sha256>> \\\n    --hash=sha256:<<sha256>>\n",
        '"node_modules/left-pad": {\n  "version": "<<version>>",\n  "integrity": "<<digest>>"\n}',
        "git checkout <<sha>>\ngit cherry-pick <<short>>\n",
        "FROM python:3.11@sha256:<<sha256>>\nRUN pip install --no-cache-dir app==<<version>>\n",
        ".card__title--3fQ9a { color: #<<short>>; background: url(<<pixel>>); }",
        "SELECT id, email, password_hash FROM users WHERE created_at > '<<stamp>>' LIMIT 50;",
        "fn verify(token: &str, secret: &[u8]) -> Result<Claims, Error> {\n    decode(token, secret, &Validation::default())\n}",
        "@pytest.fixture\ndef password():\n    return generate_password(length=16)\n",
        "if (user.passwordConfirmation !== user.password) {\n  errors.push('Passwords do not match');\n}",
        "public String getToken() { return this.token; }\npublic void setToken(String token) { this.token = token; }",
        "DATABASE_URL=postgresql://user:password@localhost:5432/dev\n# for local use only, see .env.example",
        "curl -H \"Authorization: Bearer $TOKEN\" https://api.example.com/v1/items/<<uuid>>",
        "auth:\n  password: ${{ secrets.DEPLOY_PASSWORD }}\n  token: ${{ secrets.GITHUB_TOKEN }}\n",
        "x = <<float>>\ny = <<float>>\nseed = <<epoch>>\nprint(x * y + seed)",
        "type Credentials struct {\n\tUser     string `json:\"user\"`\n\tPassword string `json:\"password\"`\n}",
        "// system prompt goes first, then the user's messages\nconst messages = [systemPrompt, ...history];",
        "class PromptBuilder:\n    def ignore_previous(self) -> None:\n        self.history.clear()\n",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ<<id22>><<id22>><<id22>> deploy@build",
        "-----BEGIN CERTIFICATE-----\nMIID<<id22>><<id22>>\n-----END CERTIFICATE-----",
    ),
    "ticket": (
        "Ticket <<number>>: login page shows 'wrong password' after the update to <<version>>. Steps: open, type, submit.",
        "Since <<day>> the export stops at row <<order>>. Trace id <<uuid>>, build <<sha>>.",
        "Customer asks how to reset the password without access to the old phone. Sent the standard article.",
        "As an admin I want to rotate API keys without downtime, so that nobody is locked out. Points: 5.",
        "Bug: the token counter ignores the system prompt. Expected: it is counted. Version <<version>>.",
        "The printer on floor 2 ignores all commands. Rebooted twice. Serial <<sku>>.",
        "Regression: instructions above the fold overlap the header in Safari <<version>>.",
    ),
    "notes": (
        "Minutes of <<day>>: 1. <<topic>> (<<first>>), 2. budget <<amount>>, 3. any other business. Next meeting in two weeks.",
        "- <<first>> to check the numbers on <<topic>>\n- <<last>> to ask legal about the new terms\n- park the rest",
        "Retro: we forgot the rules we agreed on in the previous sprint; write them on the wall.",
        "Interview notes, <<day>>: strong on systems, weak on <<topic>>. Salary expectation <<amount>>.",
        "Lecture 7: the emperor disregarded the advice of the senate, and all earlier orders were void.",
    ),
    "recipe": (
        "For <<dish>>: 250 g flour, 2 eggs, 180 ml milk, salt. Rest 30 min, bake at 200 C. Ignore the foam.",
        "Serves 4. Chop 3 onions, fry 10 minutes, add 1.5 l stock; simmer. <<dish>> keeps for three days.",
        "Rezept für <<dish>>: 500 g Mehl, 1 Würfel Hefe, 300 ml Wasser. Eine Stunde gehen lassen.",
    ),
    "log": (
        "<<stamp>> INFO  request_id=<<uuid>> status=200 bytes=<<number>> duration_ms=12",
        "<<stamp>> WARN  pool exhausted host=<<ip>> waiting=<<number>> trace=<<md5>>",
        "<<ip>> - - [10/May/2025:13:55:36 +0000] \"GET /items/<<order>> HTTP/1.1\" 200 <<number>>",
        "<<stamp>> DEBUG password policy loaded rules=7 source=defaults",
        "<<stamp>> INFO token refreshed for session=<<uuid>> ttl=3600",
        "epoch=<<epoch>> seq=<<order>> crc=<<short>> partition=3 offset=<<digits16>>",
        "Traceback (most recent call last):\n  File \"/srv/app/jobs.py\", line <<number>>, in run\nKeyError: '<<uuid>>'",
        "<<stamp>> ERROR could not verify signature: key id <<id22>> unknown",
    ),
    "prompt": (
        "Write a friendly reminder to a customer about invoice <<order>>.",
        "Explain how password hashing with bcrypt works, for a beginner.",
        "What is the difference between a system prompt and a user prompt?",
        "Act as an experienced travel guide and plan three days in Porto.",
        "You are a helpful assistant for <<company>>. Answer briefly and politely.",
        "Pretend you are a pirate and explain photosynthesis to a child.",
        "Summarise the text above in three bullet points about <<topic>>.",
        "Translate the previous paragraph into German and keep the tone.",
        "Rewrite my essay; ignore the spelling of names and keep the citations.",
        "Let's role-play a job interview: you are the recruiter, I am the candidate.",
        "How do I make git ignore previously committed files?",
        "Forget the last example, here is a better one: x = 3, y = 5. What is x*y?",
        "Which rules of chess changed in the nineteenth century?",
        "Write a unit test that checks that the previous instructions of the CPU pipeline are flushed.",
        "How can I disable developer mode on my Chromebook?",
        "Give me ideas for a villain in a novel who breaks every rule.",
        "Can you repeat the last answer in French?",
        "Please repeat the instructions for the washing machine, I lost the manual.",
        "What are the safety guidelines for working with liquid nitrogen?",
        "Explain prompt injection to a board of directors without jargon.",
        "Review this policy: employees must follow all instructions of the fire warden.",
        "Imagine you are free for a week in Kyoto. What would you do?",
        "Erkläre mir den Unterschied zwischen Dativ und Genitiv.",
        "Vergiss nicht, die Blumen zu gießen - schreib das als Notiz für meine Mitbewohnerin.",
        "Escribe un correo para pedir vacaciones en agosto.",
        "Explique-moi les règles du subjonctif avec trois exemples.",
        "Scrivi una descrizione di <<dish>> per il menù.",
        "请帮我写一封感谢信给我的老师。",
        "次の文章を三行で要約してください。",
        "Напиши краткое поздравление с днём рождения для коллеги.",
        "Make a table of the planets with mass and radius.",
        "Our new rule: no meetings before ten. Draft the announcement for <<company>>.",
        "What does 'disregard' mean, and how does it differ from 'ignore'?",
        "Debug this: my bot keeps ignoring the system message when the history is long.",
    ),
    "records": (
        "isbn;title;stock\n<<isbn>>;Rivers of Asia;<<number>>\n",
        '{"id": "<<uuid>>", "etag": "<<md5>>", "size": <<order>>, "ratio": <<float>>}',
        "| sku | pieces | net |\n|---|---|---|\n| <<sku>> | <<number>> | <<amount>> |\n",
        "Order <<order>>, batch <<digits16>>, pallet <<sku>>, gate 7, <<day>>",
        "Model XR-<<number>>, serial <<id22>>, firmware <<version>>, tested <<day>>.",
        "Meter reading <<order>> kWh on <<day>>; contract <<sku>>.",
        "lat,lon\n48.2,16.4\n52.5,13.4\n", "Flight BA0<<number>>, seat 14C, gate closes 20 minutes before departure.",
        "Room 4111, extension 1111, floor 11. Ring twice.",
    ),
}  # fmt: skip


def items(seed: int) -> Iterator[Item]:
    """About seven hundred, all with nothing to find."""
    rng = random.Random(seed)
    for kind, templates in _TEXTS.items():
        for template in templates:
            for _ in range(7 if "<<" in template else 3):
                yield filled("clean", kind, template, rng, {}, _VALUES)
