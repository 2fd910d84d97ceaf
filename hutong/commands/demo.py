"""Why: one command shows the whole main job on real components. Called by `hutong demo`; the story is in hutong/demo."""

from typing import Annotated

import typer


def demo(
    scale: Annotated[float, typer.Option("--scale", min=0.01, max=20, help="1.0: 50,000 residents. 规模系数")] = 1.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same city. 随机种子")] = 20260101,
    keep: Annotated[bool, typer.Option("--keep/--no-keep", help="Leave the services running. 结束后保留服务")] = True,
) -> None:
    """Run the demonstration city: departments in, a signed answer out. 运行演示城市"""
    from rich.console import Console

    from hutong.demo.report import print_summary
    from hutong.demo.scale import this_year
    from hutong.demo.story import Story

    console = Console(highlight=False, soft_wrap=True)
    story = Story(console, this_year(seed, scale))
    try:
        outcome = story.tell()
        print_summary(console, story.home, outcome)
    finally:
        if not keep:
            _stop()
    if not outcome.is_good:
        console.print(
            "Something differs from the answer key: see var/demo/comparison.json. 与答案不符，见 var/demo/comparison.json",
            style="red",
        )
        raise typer.Exit(1)


def _stop() -> None:
    from hutong.commands.services import down

    down()
