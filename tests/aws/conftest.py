"""No test of this folder sees this machine's settings of AWS, or asks an instance for keys."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def aws_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory of its own; botocore looks for the files `config` and `credentials` right in it."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    found = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(found))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(found / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(found / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return found
