"""The base of all settings: where a field is read from."""

from __future__ import annotations

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict


class EnvironmentModel(BaseSettings):
    """Base of all settings: frozen, and read from the environment under their documented names only."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources: arguments, by the name of the field, then the environment, by the variable's name."""
        # Else `populate_by_name` would also read PORT from OCR_PORT.
        env_settings.config = env_settings.config | SettingsConfigDict(populate_by_name=False)
        return init_settings, env_settings


class SettingsGroup(EnvironmentModel):
    """Base of the groups of the worker's settings."""

    model_config = SettingsConfigDict(env_prefix="OCR_")
