#!/usr/bin/env python3
"""A telephone menu in TwiML, in Python's standard library.

    TWILIO_AUTH_TOKEN=... python3 examples/twiml-ivr/server.py

Requests are forms, responses are TwiML, and X-Twilio-Signature says who asks: nothing in here knows whether that is
voicegw or Twilio. Each text begins with a chime that this server makes itself, so that something is heard on a machine
without a program that speaks (speech.tts of voicegw).

Environment: TWILIO_AUTH_TOKEN, PORT (default 8788; 0 takes any), PUBLIC_URL (what the server is called from outside,
default http://127.0.0.1:PORT), OPERATOR (where 0 leads), STREAM_URL (the bot of 3, such as examples/realtime-bot),
PATIENCE (seconds that a key is waited for, default 4).
"""

import array
import base64
import hashlib
import hmac
import http.server
import io
import math
import os
import sys
import urllib.parse
import wave
from xml.sax.saxutils import escape, quoteattr

TOKEN = os.environ.get("TWILIO_AUTH_TOKEN", "")
OPERATOR = os.environ.get("OPERATOR", "sip:operator@127.0.0.1")
STREAM_URL = os.environ.get("STREAM_URL", "ws://127.0.0.1:8765/")
PATIENCE = os.environ.get("PATIENCE", "4")
RATE = 8000
TRIES_MAX = 3  # times that the menu is played to somebody who presses nothing

CHIMES = {"menu": 660, "hours": 880, "message": 550, "program": 770, "operator": 990, "sorry": 330, "goodbye": 440}

MENU = ("Press 1 for our opening hours, 2 to leave a message, 3 to talk to a program, or 0 for somebody who can help "
        "you.")


def say(chime, text):
    return f"<Play>/sounds/{chime}.wav</Play><Say>{escape(text)}</Say>"


def menu(attempt=1):
    """Plays the menu. A key is posted to the action; without one the next verb follows."""
    again = f"/voice?attempt={attempt + 1}"
    return (f'<Gather numDigits="1" timeout="{PATIENCE}" action="/menu">{say("menu", MENU)}</Gather>'
            f"<Redirect>{again}</Redirect>")


def voice(query, _form):
    attempt = int(query.get("attempt", "1"))
    return menu(attempt) if attempt <= TRIES_MAX else say("goodbye", "Goodbye.") + "<Hangup/>"


def chosen(_query, form):
    key = form.get("Digits", "")
    if key == "1":
        return say("hours", "We are open from nine to five, Monday to Friday.") + menu()
    if key == "2":
        return (say("message", "Speak after the tone, and press the pound key at the end.")
                + '<Record action="/recorded" maxLength="60" timeout="4" finishOnKey="#"/>' + menu())
    if key == "3":
        return (say("program", "I connect you with a program.")
                + f"<Connect><Stream url={quoteattr(STREAM_URL)}/></Connect>" + menu())
    if key == "0":
        return (say("operator", "One moment please.") + f"<Refer><Sip>{escape(OPERATOR)}</Sip></Refer>"
                + say("sorry", "Nobody is there at the moment.") + menu())
    return say("sorry", "There is nothing behind this key.") + menu()


def recorded(_query, form):
    log(f"recorded {form.get('RecordingDuration')} s: {form.get('RecordingUrl')}")
    return say("message", "Thank you.") + menu()


PAGES = {"/voice": voice, "/menu": chosen, "/recorded": recorded}


def chime(frequency):
    """Half a second of a tone that fades out, as a WAV file."""
    length = RATE // 2
    samples = array.array("h", (round(12000 * (1 - at / length) * math.sin(2 * math.pi * frequency * at / RATE))
                                for at in range(length)))
    if sys.byteorder == "big":
        samples.byteswap()
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(samples.tobytes())
    return file.getvalue()


def signature(url, form):
    """The URL, and names and values of the form in the order of the names, by the token."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(TOKEN.encode(), text.encode(), hashlib.sha1).digest()).decode()


def log(text):
    print(text, flush=True)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.removeprefix("/sounds/").removesuffix(".wav")
        if name in CHIMES:
            self.answer(200, "audio/wav", chime(CHIMES[name]))
        else:
            self.answer(404, "text/plain", b"There is no such sound\n")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        form = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
        given = self.headers.get("X-Twilio-Signature", "")
        if not hmac.compare_digest(given.encode(), signature(self.server.public_url + self.path, form).encode()):
            return self.answer(403, "text/plain", b"The signature is wrong\n")
        target = urllib.parse.urlsplit(self.path)
        page = PAGES.get(target.path)
        if page is None:
            return self.answer(404, "text/plain", b"There is no such page\n")
        log(f"{self.path} {form['CallStatus']} {form.get('Digits', '')}".rstrip())
        verbs = page(dict(urllib.parse.parse_qsl(target.query)), form)
        self.answer(200, "text/xml", f'<?xml version="1.0" encoding="UTF-8"?>\n<Response>{verbs}</Response>\n'.encode())

    def answer(self, status, media_type, body):
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    if not TOKEN:
        sys.exit("Set TWILIO_AUTH_TOKEN, here and for voicegw")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8788"))), Handler)
    port = server.server_address[1]
    server.public_url = os.environ.get("PUBLIC_URL", f"http://127.0.0.1:{port}")
    log(f"listening on http://127.0.0.1:{port}")
    server.serve_forever()
