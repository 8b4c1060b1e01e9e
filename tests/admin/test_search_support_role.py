"""The search over the role that has no right to secrets: hashes are compared over the main one."""

import json
import uuid

import psycopg
import pytest
from psycopg import sql

from tests.support import (
    administer,
    database_environment,
    database_url,
    manage,
    scratch_database,
    server_parameters,
)

pytestmark = [pytest.mark.django_db, pytest.mark.process]

HASH = "c0ffee0123456789abcdef"

ROWS = f"""
INSERT INTO users (email, username, role) VALUES ('a@example.com', 'alice', 'super_admin');
INSERT INTO user_sessions (user_id, token_hash, expires_at) SELECT id, '{HASH}', now() FROM users;
"""

SEARCHES = """
import json, re
from django.test import Client
from veza_core.models import User
client = Client(headers={"host": "localhost"})
client.force_login(User.objects.get(), backend="veza_site.support.backend.SupportBackend")
found = []
for text in ("%s", "alice", str(User.objects.get().pk)):
    address = client.post("/admin/search/", {"q": text}).headers["Location"]
    page = client.get(address + "&all=1")
    found.append(re.findall('<h2 id="found-(.*?)"', page.content.decode()))
print(json.dumps(found))
"""


def test_a_hash_a_name_and_an_id() -> None:
    name = f"support_{uuid.uuid4().hex[:12]}"
    with scratch_database() as database:
        url = database_url(database, user=name, password="s3cret")
        environment = {**database_environment(database), "DATABASE_SUPPORT_URL": url}
        try:
            for command in (["migrate"], ["sync_roles", "--revoke-from-public"]):
                done = manage(*command, **environment)
                assert done.returncode == 0, done.stderr
            with psycopg.connect(**server_parameters(), dbname=database) as owner:
                owner.execute(ROWS)
            done = manage("shell", "--no-imports", "-c", SEARCHES % HASH, **environment)
            assert done.returncode == 0, done.stderr
            found = json.loads(done.stdout.splitlines()[-1])
            assert found == [["user_sessions"], ["users"], ["users"]]
        finally:
            with psycopg.connect(**server_parameters(), dbname=database, autocommit=True) as owner:
                owner.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
            administer(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
