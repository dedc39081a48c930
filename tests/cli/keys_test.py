"""cleave keys: an authority, devices, and whom it lets in no more."""
import json
import os
import subprocess
import unittest

from support import CliTest


class Keys(CliTest):
    def keys(self, *arguments, code=0):
        return self.cleave("keys", *arguments, code=code)[0]

    def states(self):
        return [(key["device"], key["state"]) for key in json.loads(self.keys("list", "--format", "json"))]

    def test_from_an_authority_to_a_revoked_device(self):
        self.assertIn("cleave keys add NAME...", self.keys("init"))
        self.assertIn("no device has keys yet", self.keys("list"))
        self.assertIn("never authority.key", self.keys("add", "a", "b"))
        self.assertIn("a: 1 certificate revoked\n", self.keys("revoke", "a"))
        self.assertIn("a: was revoked before\n", self.keys("revoke", "a"))
        self.assertEqual(self.states(), [("a", "revoked"), ("b", "good")])
        self.assertRegex(self.keys("list"), r"(?m)^a +revoked +\d{4}-\d\d-\d\d +\d{4}-\d\d-\d\d +yes +[0-9A-F]{32}$")

    def test_folder_is_the_one_named(self):
        self.assertIn("cleave keys add --keys 'my keys' NAME...", self.keys("init", "--keys", "my keys"))
        self.keys("add", "a", "--keys", "my keys", "--days", "10")
        self.assertEqual(sorted(os.listdir(self.path("my keys"))),
                         ["a.crt", "a.key", "authority.crt", "authority.key", "issued", "revoked.pem"])

    def test_openssl_finds_them_in_order(self):
        self.keys("init")
        self.keys("add", "a")
        verify = ["openssl", "verify", "-x509_strict", "-crl_check", "-CAfile", "keys/authority.crt", "-CRLfile",
                  "keys/revoked.pem", "keys/a.crt"]
        self.assertEqual(subprocess.run(verify, cwd=self.folder, capture_output=True, check=False).returncode, 0)
        self.keys("revoke", "a")
        done = subprocess.run(verify, cwd=self.folder, capture_output=True, check=False)
        self.assertIn(b"certificate revoked", done.stderr)

    def test_replaces_good_keys_only_when_asked(self):
        self.keys("init")
        self.keys("add", "a")
        self.assertIn("--replace them", self.error_line("keys", "add", "a", code=2))
        self.keys("add", "a", "--replace")
        self.assertEqual(self.states(), [("a", "good"), ("a", "good")])
        self.assertIn("is there already", self.error_line("keys", "init", code=2))

    def test_says_what_would_be_right(self):
        for arguments, words in [(["lst"], "did you mean 'list'?"), (["add"], "which device? cleave keys add NAME"),
                                 (["init", "a"], "did you mean 'add'?"), (["list", "--days", "3"], "did you mean 'add'?"),
                                 (["list"], "make them with `cleave keys init`"), (["add", "a b"], "is no name"),
                                 (["add", "a", "--days", "0"], "--days")]:
            self.assertIn(words, self.error_line("keys", *arguments, code=2))
        self.assertFalse(os.path.exists(self.path("keys")))


if __name__ == "__main__":
    unittest.main()
