"""Serving the people and groups to a browser, and to programs that speak OpenAI's API."""

from ventriloquist.serve.stage import ServeOptions, ServePlan, plan, run

__all__ = ["ServeOptions", "ServePlan", "plan", "run"]
