"""The atlas: complexity measures of the whole catalogue, their laws, and regret beside them.

`specs` and `plan` say what is wanted, `tasks` measure it, `games`, `sweeps` and `run` gather the
outcomes as `data`, and `answers` say what the numbers answer; nothing is put into words here.
"""
