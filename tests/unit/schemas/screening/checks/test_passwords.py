"""Passwords and keys beside their names, and what only stands where one could. All values are made up."""

from __future__ import annotations

import pytest

from schemas.screening.checks import passwords


def _part(value: str, span: tuple[int, int] | None) -> str | None:
    return None if span is None else value[slice(*span)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("DB_PASSWORD', 'fak3$Passw0rd", "fak3$Passw0rd"),
        ('password = "fake(!)Pw1', "fake(!)Pw1"),
        ('api_key": "0f1e2d3c4b5a69788796', "0f1e2d3c4b5a69788796"),
        ("SECRET_KEY = 'django-insecure-h#2k9@v$8xq!m4z&1wp7r^c0", "django-insecure-h#2k9@v$8xq!m4z&1wp7r^c0"),
        ('api_key": "short1', None),
        ('api_key": "some.dotted.name1', None),
        ('password = "changeme1', None),
        ('password = "onlyletters', None),
        ('password = "user_password_2', None),
        ('password = "two words 12', None),
        ('password = "${DB_PASSWORD_1}', None),
        ("password fak3Passw0rd", None),
    ],
)
def test_quoted_values(value: str, expected: str | None) -> None:
    assert _part(value, passwords.quoted(value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("password: fak3Pw", "fak3Pw"),
        ("Passwort lautet Sommer#24.", "Sommer#24"),
        ("mot de passe : Zk9#fake (provisoire)", "Zk9#fake"),
        ("密码是Mima!2024", "Mima!2024"),
        ("パスワードは「Natsu!2024」です", "Natsu!2024"),
        ("password=Sa!2024pwd;Encrypt=True", "Sa!2024pwd"),
        ("password for the box is hunter2hunter2", "hunter2hunter2"),
        ("password for bob Fak3!Passw0rd", "Fak3!Passw0rd"),
        ("credentials are admin / S0meth1ng!Else", "S0meth1ng!Else"),
        ("password for bob72 expires", None),
        ("password policy loaded rules=7", None),
        ("Passwort lautet FUN=ZKRp9-Sbc", "FUN=ZKRp9-Sbc"),
        ("password reset page v2.10.3-beta", None),
        ("password policy of NIST 800-63B", None),
        ("password = os.getenv('DB_PASSWORD_1')", None),
        ("password == user.password2", None),
        ("password_hash = sha256x1y2", None),
        ("password.encode(utf8x1)", None),
        ("1Password entry is acme-prod-2", None),
        ("password: string | null1x", None),
        ("password hashed with argon2id-19", None),
    ],
)
def test_values_after_a_name(value: str, expected: str | None) -> None:
    assert _part(value, passwords.announced(value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("API key is 7c6a180b36896a0a8c02787eeafb0e4c,", "7c6a180b36896a0a8c02787eeafb0e4c"),
        ("access token expires in 3600s", None),
        ("API key id is order-77", None),
    ],
)
def test_keys_after_a_name(value: str, expected: str | None) -> None:
    assert _part(value, passwords.announced_key(value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("docker login -u bot -p Zr8kLmQ1wXs", "Zr8kLmQ1wXs"),
        ("docker login -pZr8kLmQ1wXs", "Zr8kLmQ1wXs"),
        ("curl -u admin:Adm1nS3crat", "Adm1nS3crat"),
        ("curl -uadmin:Adm1nS3crat", "Adm1nS3crat"),
        ("-pass pass:Encrypt!Me9", "Encrypt!Me9"),
        ("--password=Encrypt!Me9", "Encrypt!Me9"),
        ('echo "gh4jK8lPq2Wd" | docker', "gh4jK8lPq2Wd"),
        ("curl -u user:password", None),
        ("echo hello | sudo", None),
        ("--password changeme1", None),
    ],
)
def test_arguments(value: str, expected: str | None) -> None:
    assert _part(value, passwords.argument(value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("| user | password |\n|---|---|\n| a | fak3$Pw01 |\n\nand so on", "fak3$Pw01"),
        ("host,password,note\r\ndb1,fak3$Pw01,x\r\ndb2,,y\r\n", "fak3$Pw01"),
        ('"user";"Passwort"\n"a";"fak3$Pw01"\n"b";"fak3$Pw02"\n', 'fak3$Pw01"\n"b";"fak3$Pw02'),
        ("st,host,API key\na,b,fak3$Pw01\n", "fak3$Pw01"),
        ("| user | password |\n|---|---|\n| text | text |", None),
        ("| user | password |", None),
        ("f(user, password, host)\n    g(a1, b2c3d4e5f6, c)", None),
        ("id,password\nshort\n", None),
    ],
)
def test_a_column_of_passwords(value: str, expected: str | None) -> None:
    assert _part(value, passwords.column(value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("app_key=base64:N1k2bjI0cll3bFB1c05PYWJIZmc1N1M1UTVh", "N1k2bjI0cll3bFB1c05PYWJIZmc1N1M1UTVh"),
        ("app_key=base64:short1", None),
    ],
)
def test_a_key_told_in_base64(value: str, expected: str | None) -> None:
    assert _part(value, passwords.announced_key(value)) == expected
