"""A model that Ollama serves, asked by Ollama's own interface: chats that grow, and answers that must be quick for 95 of 100.

    katydid -f locustfiles/protocols/llm_ollama.py -H http://127.0.0.1:11434
    make run EXAMPLE=protocols/llm_ollama            # brings a server that speaks like one
"""

from katydid.llm import LLMUser, Prompts
from locust import between, task

prompt = Prompts(words=30, stddev=5)


class Talker(LLMUser):
    wait_time = between(0.05, 0.1)
    model = "plain"

    @task
    def talk(self):
        talk = []
        for turn in "first turn", "second turn":
            talk.append({"role": "user", "content": prompt()})
            answer = self.llm.ollama_chat(talk, options={"num_predict": 20}, name=turn)
            if not answer.ok:
                break
            talk.append({"role": "assistant", "content": answer.text})


thresholds = ["goodput(ttft<1s & itl<100ms) > 95%"]
