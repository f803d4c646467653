#!/usr/bin/env python3
"""A bot that listens and talks, as a web server in Python's standard library: a WAV file in, a WAV file out.

    apt install python3 pocketsphinx pocketsphinx-en-us espeak-ng
    python3 examples/utterance-bot/server.py

voicegw sends each sentence of the caller as audio/wav, and plays the WAV file that it gets for an answer. PocketSphinx
understands, eSpeak NG speaks. What comes as JSON is told by the way: a new call, which is greeted, its keys, its end.

Environment: PORT (default 8789; 0 takes any).
"""

import array
import http.server
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import wave

MODEL = "/usr/share/pocketsphinx/model/en-us"
GRAMMAR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "grammar.jsgf")

GREETING = "Hello. What can I do for you?"
GOODBYE = "Goodbye, and thank you for calling."
ANSWERS = {
    "yes": "Good.",
    "no": "As you wish.",
    "hello": "Hello, nice to hear you.",
    "help": "You can say: what time is it, hello, yes, no, or goodbye.",
}


def answer_to(sentence):
    if sentence == "what time is it":
        return time.strftime("It is %H hours and %M minutes.")
    return ANSWERS.get(sentence, "Sorry, I did not understand.")


def speak(text):
    """Gives a spoken text as a WAV file, at whatever rate: voicegw converts it."""
    return subprocess.run(["espeak-ng", "--stdout", "-v", "en-us", "-s", "150", text], check=True,
                          capture_output=True).stdout


def recognize(wav):
    """Gives the sentence of the grammar that was spoken, or an empty text.

    The model wants 16000 samples a second, and energy above 4 kHz, which a telephone does not carry. A zero behind
    every sample doubles the rate and mirrors the lower half of the spectrum into the upper one: good enough for it.
    """
    with wave.open(io.BytesIO(wav)) as file:
        samples = array.array("h", file.readframes(file.getnframes()))
    wide = array.array("h", bytes(4 * len(samples)))
    wide[::2] = samples
    with tempfile.NamedTemporaryFile(suffix=".raw") as file:
        file.write(wide.tobytes())
        file.flush()
        result = subprocess.run(["pocketsphinx_continuous", "-infile", file.name, "-jsgf", GRAMMAR, "-logfn", "/dev/null",
                                 "-hmm", f"{MODEL}/en-us", "-dict", f"{MODEL}/cmudict-en-us.dict"],
                                capture_output=True, text=True)
    return result.stdout.strip().replace("\n", " ")


def log(text):
    print(text, flush=True)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/goodbye.wav":
            self.answer(200, "audio/wav", speak(GOODBYE))
        else:
            self.answer(404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("Content-Type") == "audio/wav":
            self.listen(body)
        else:
            self.note(json.loads(body))

    def listen(self, wav):
        """A sentence of the caller: the answer is a sound, or actions."""
        sentence = recognize(wav)
        log(f"heard: {sentence}")
        if sentence == "goodbye":
            actions = [{"action": "play", "url": "/goodbye.wav"}, {"action": "hangup"}]
            self.answer(200, "application/json", json.dumps(actions).encode())
        else:
            text = answer_to(sentence)
            log(f"says: {text}")
            self.answer(200, "audio/wav", speak(text))

    def note(self, event):
        """Something happened; a new call is answered by the sound that greets it."""
        log(event["type"])
        if event["type"] == "call.incoming":
            self.answer(200, "audio/wav", speak(GREETING))
        else:
            self.answer(204)

    def answer(self, status, media_type="text/plain", body=b""):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8789"))), Handler)
    log(f"listening on http://127.0.0.1:{server.server_address[1]}")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)
