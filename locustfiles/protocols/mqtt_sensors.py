"""MQTT by paho-mqtt: sensors that publish, with each quality of service.

    pip install "paho-mqtt>=2.1"
    katydid -f locustfiles/protocols/mqtt_sensors.py -H 127.0.0.1
    make run EXAMPLE=protocols/mqtt_sensors      # brings the package and a server
"""

import os
import random
import time

from locust import between, task
from locust.contrib.mqtt import MqttUser


class Sensor(MqttUser):
    host = "127.0.0.1"
    port = int(os.environ.get("MQTT_PORT", 1883))
    wait_time = between(0.05, 0.1)

    def on_start(self):
        while not self.client.is_connected():
            time.sleep(0.01)
        self.client.subscribe("commands/all", qos=1)

    @task
    def measure(self):
        self.client.publish("sensors/temperature", f"{random.gauss(21, 2):.2f}".encode(), qos=random.choice((0, 1)))
