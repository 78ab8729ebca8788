"""Serving the people and groups to a browser, and to programs that speak OpenAI's API."""

from ventriloquist.serve.stage import HOST, PORT, ServeOptions, ServePlan, plan, run

__all__ = ["HOST", "PORT", "ServeOptions", "ServePlan", "plan", "run"]
