"""Logs: one event per line as JSON, with people masked, to the file and to the terminal."""

import logging
import logging.config
from typing import Any

import structlog

from core.masking import mask


def mask_event(_logger: object, _name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Mask addresses, numbers, codes and secrets in every value, whoever logged it."""
    return {key: mask(value, name=key) for key, value in event.items()}


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]


def config(path: str, *, level: str) -> dict[str, Any]:
    """Python's logging configuration. The terminal hears warnings, the file everything from `level` on."""

    def formatter(renderer: Any) -> dict[str, Any]:
        return {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, mask_event, renderer],
            "foreign_pre_chain": SHARED,
        }

    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": formatter(structlog.processors.JSONRenderer(ensure_ascii=True)),
            "plain": formatter(structlog.dev.ConsoleRenderer(colors=False)),
        },
        "handlers": {
            "file": {
                "class": "logging.handlers.WatchedFileHandler",
                "filename": path,
                "formatter": "json",
                "delay": True,
                "encoding": "utf-8",
            },
            "terminal": {"class": "logging.StreamHandler", "formatter": "plain", "level": "WARNING"},
        },
        "root": {"handlers": ["file", "terminal"], "level": level},
        "loggers": {
            "django.db.backends": {"level": "INFO"},
            # Started from a shell it brings handlers of its own, which mask nothing; and it logs each address, with what signs a link.
            "uvicorn": {"level": "INFO", "handlers": [], "propagate": True},
            "uvicorn.access": {"level": "WARNING", "handlers": [], "propagate": True},
            "twilio": {"level": "WARNING"},
            "celery": {"level": "INFO"},
            "asyncio": {"level": "WARNING"},
        },
    }


def configure(settings: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG: structlog and the standard library through one chain."""
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(settings)
