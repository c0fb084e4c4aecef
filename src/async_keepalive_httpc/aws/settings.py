"""What the environment and the user's profile say of a client: region, endpoint URL, retries and such.

Refuses: credentials (`chain`), and endpoints made of what is read here (`endpoints`).
Called by: `client` of this package, the user's verbs; once for each client.
Law: the environment before the profile. A file that is not there costs nothing; those that are, botocore parses.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..errors import InvalidRequest

CONFIG: Final = ("AWS_CONFIG_FILE", "~/.aws/config")
CREDENTIALS: Final = ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")


class Settings(NamedTuple):
    """What was said; None: nothing was.

    region, endpoint_url: strings. use_fips, use_dualstack: booleans. account_id_mode: "preferred", "disabled" or
    "required". retry_mode, max_attempts: as `retry.policy` takes them. skew_correction: False if switched off.
    ca_bundle: a file of certificates.
    """

    region: str | None = None
    endpoint_url: str | None = None
    use_fips: bool | None = None
    use_dualstack: bool | None = None
    account_id_mode: str | None = None
    retry_mode: str | None = None
    max_attempts: str | None = None
    skew_correction: bool = True
    ca_bundle: str | None = None


def read(environ: Mapping[str, str], service_id: str = "", profile: str | None = None) -> Settings:
    """The settings for a service; reads up to two small files.

    service_id: `serviceId` of the service's model, such as "DynamoDB Streams". profile: a profile's name (default:
    AWS_DEFAULT_PROFILE, AWS_PROFILE, "default"). Raises InvalidRequest for a profile that is not there.
    """
    config = files(environ)
    scoped = _profile(config["profiles"], environ, profile)

    def said(name: str, *variables: str) -> str | None:
        found = next((environ[variable] for variable in variables if environ.get(variable)), None)
        return found or scoped.get(name) or None

    def flag(name: str, variable: str) -> bool | None:
        found = said(name, variable)
        return None if found is None else found.strip().lower() == "true"

    ignored = flag("ignore_configured_endpoint_urls", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
    return Settings(
        said("region", "AWS_DEFAULT_REGION", "AWS_REGION"),
        None if ignored else _endpoint_url(config, scoped, environ, service_id),
        flag("use_fips_endpoint", "AWS_USE_FIPS_ENDPOINT"),
        flag("use_dualstack_endpoint", "AWS_USE_DUALSTACK_ENDPOINT"),
        said("account_id_endpoint_mode", "AWS_ACCOUNT_ID_ENDPOINT_MODE"),
        said("retry_mode", "AWS_RETRY_MODE"),
        said("max_attempts", "AWS_MAX_ATTEMPTS"),
        not flag("disable_clock_skew_correction", "AWS_DISABLE_CLOCK_SKEW_CORRECTION"),
        said("ca_bundle", "AWS_CA_BUNDLE"),
    )


def files(environ: Mapping[str, str]) -> dict[str, Any]:
    """The two files as botocore parses them, by sections; those of the credentials file are profiles too."""
    config, credentials = expanded(environ, *CONFIG), expanded(environ, *CREDENTIALS)
    found: dict[str, Any] = {"profiles": {}}
    if not config.is_file() and not credentials.is_file():
        return found
    from botocore.configloader import load_config, raw_config_parse
    from botocore.exceptions import ConfigParseError

    try:
        if config.is_file():
            found = load_config(str(config))
        if credentials.is_file():
            for name, values in raw_config_parse(str(credentials)).items():
                found["profiles"].setdefault(name, {}).update(values)
    except ConfigParseError as error:
        raise InvalidRequest(f"AWS settings: {error}") from error
    return found


def expanded(environ: Mapping[str, str], variable: str, default: str) -> Path:
    """The path of a file that a variable names; `~` is the HOME of this environment."""
    path = environ.get(variable) or default
    home = environ.get("HOME")
    return Path(home, path[2:]) if home and path.startswith("~/") else Path(path).expanduser()


def _profile(profiles: Mapping[str, Any], environ: Mapping[str, str], given: str | None) -> Mapping[str, Any]:
    name = given or environ.get("AWS_DEFAULT_PROFILE") or environ.get("AWS_PROFILE")
    if name is None:
        return dict(profiles.get("default", {}))
    if name not in profiles:
        raise InvalidRequest(
            f"The AWS profile {name!r} is neither in {environ.get(CONFIG[0]) or CONFIG[1]} nor in "
            f"{environ.get(CREDENTIALS[0]) or CREDENTIALS[1]}: add it, or name another"
        )
    return dict(profiles[name])


def _endpoint_url(
    config: Mapping[str, Any], scoped: Mapping[str, Any], environ: Mapping[str, str], service_id: str
) -> str | None:
    """AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile's `services` section, the profile's endpoint_url."""
    name = service_id.replace(" ", "_").replace("-", "_")
    found = environ.get(f"AWS_ENDPOINT_URL_{name.upper()}") or environ.get("AWS_ENDPOINT_URL")
    if found:
        return found
    section = scoped.get("services")
    if section is not None:
        services = config.get("services", {}).get(section)
        if not services:
            raise InvalidRequest(
                f"The AWS profile names the services section {section!r}, which the file does not have"
            )
        found = services.get(name.lower(), {}).get("endpoint_url")
    return found or scoped.get("endpoint_url") or None
