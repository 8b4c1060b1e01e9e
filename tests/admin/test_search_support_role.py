"""Over the role that cannot read secrets: the search, which compares hashes over the main one,
and the pages and the archive that read tables by the catalog.
"""

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
INSERT INTO users (email, username) VALUES ('b@example.com', 'dora');
"""

SEARCHES = """
import io, json, re
from zipfile import ZipFile
from django.test import Client
from veza_core.models import User
client = Client(headers={"host": "localhost"})
alice, dora = User.objects.order_by("username")
client.force_login(alice, backend="veza_site.support.backend.SupportBackend")
found = []
for text in ("%s", "alice", str(alice.pk)):
    address = client.post("/admin/search/", {"q": text}).headers["Location"]
    page = client.get(address + "&all=1")
    found.append(re.findall('<h2 id="found-(.*?)"', page.content.decode()))
page = f"/admin/veza_core/user/{dora.pk}/"
found.append([client.get(page + name).status_code for name in ("erasure/", "related/")])
seen = re.findall('name="row" value="(.*?)"', client.get(page + "export_data/").content.decode())
sent = {"row": seen, "reason": "by letter", "confirm": "dora"}
answer = client.post(page + "export_data/", sent)
found.append(ZipFile(io.BytesIO(b"".join(answer.streaming_content))).namelist()[-1:])
print(json.dumps(found))
"""


def test_a_hash_a_name_an_id_and_an_archive() -> None:
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
            assert found == [
                ["user_sessions"], ["users"], ["users"], [200, 200], ["contents.json"],
            ]  # fmt: skip
        finally:
            with psycopg.connect(**server_parameters(), dbname=database, autocommit=True) as owner:
                owner.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
            administer(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
