"""A language model that streams its answers: times of its tokens, and how many answers are quick enough.

    OPENAI_API_KEY=… katydid -f locustfiles/protocols/llm_chat.py -H https://api.openai.example
    make run EXAMPLE=protocols/llm_chat            # brings a server that speaks like one
"""

from katydid.llm import LLMUser, Prompts
from locust import between, task

prompt = Prompts(words=50, stddev=10, shared=0.3)


class Chatter(LLMUser):
    wait_time = between(0.05, 0.1)
    model = "plain"
    slo = {"ttft": 1, "itl": 0.1}

    @task
    def ask(self):
        answer = self.llm.chat([{"role": "user", "content": prompt()}], max_tokens=20, name="sky")
        if answer.ok:
            assert answer.text, "an answer without a word"


thresholds = ["rate of goodput > 95%"]
