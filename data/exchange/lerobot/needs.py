"""Needs: the packages that LeRobot's files take, which a plain installation does not have."""

from data.errors import UserError


def check_packages() -> None:
    """Refuse to begin without pyarrow and av."""
    try:
        import av
        import pyarrow.parquet
    except ImportError as error:
        raise UserError(
            f'LeRobot\'s data sets need pyarrow and av; install them with: pip install "gamepad-dagger[lerobot]" ({error})'
        ) from error
    del av, pyarrow
