"""What a user waits for before anything happens; each in a fresh interpreter."""


class Start:
    """Import of the package and its types, and the parser behind `mamex-bench --help`."""

    def timeraw_import_package(self) -> str:
        return "import mamex_bench"

    def timeraw_import_games(self) -> str:
        return "from mamex_bench import MarkovGame"

    def timeraw_help(self) -> str:
        return "from mamex_bench.cli import parser; parser().format_help()"
