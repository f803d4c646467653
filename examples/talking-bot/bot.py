#!/usr/bin/env python3
"""A bot that listens and talks, with programs of this machine and no network.

    apt install python3 pocketsphinx pocketsphinx-en-us espeak-ng sox
    voicegw serve --config examples/talking-bot/routes.yaml

Call, wait for the greeting, and say "what time is it", "hello", "help", "yes", "no" or "goodbye". You may speak while
the bot speaks: it stops at once, and the log says how much of its sentence was not heard.

How it works: 16-bit samples, 8000 a second, come in on standard input. Loudness tells where a sentence begins and
ends; the sentence goes to PocketSphinx, the answer comes from eSpeak NG and goes to standard output. Events and
commands are lines of JSON on file descriptor 3. Without that descriptor the bot works as a plain filter.
"""

import array
import json
import os
import select
import subprocess
import sys
import tempfile
import time

RATE = 8000
FRAME = RATE // 50 * 2  # bytes of 20 ms
SPEECH_FRAMES = 4  # loud frames that begin a sentence
PAUSE_FRAMES = 30  # quiet frames that end it
BEFORE_FRAMES = 15  # kept from before the beginning
SENTENCE_FRAMES_MAX = 300
LOUD_MIN = 300  # root mean square of samples that can be speech

MODEL = "/usr/share/pocketsphinx/model/en-us"
GRAMMAR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "grammar.jsgf")

ANSWERS = {
    "yes": "Good.",
    "no": "As you wish.",
    "hello": "Hello, nice to hear you.",
    "help": "You can say: what time is it, hello, yes, no, or goodbye.",
    "goodbye": "Goodbye, and thank you for calling.",
}


def log(text):
    print(text, file=sys.stderr, flush=True)


def answer_to(sentence):
    if sentence == "what time is it":
        return time.strftime("It is %H hours and %M minutes.")
    return ANSWERS.get(sentence, "Sorry, I did not understand.")


def speak(text):
    """Gives the samples of a spoken text."""
    voice = subprocess.run(["espeak-ng", "--stdout", "-v", "en-us", "-s", "150", text],
                           check=True, capture_output=True).stdout
    return subprocess.run(["sox", "-t", "wav", "-", "-t", "raw", "-r", str(RATE), "-e", "signed", "-b", "16", "-c", "1",
                           "-"], input=voice, check=True, capture_output=True).stdout


def recognize(pcm):
    """Gives the sentence of the grammar that was spoken, or an empty text.

    The model wants 16000 samples a second, and energy above 4 kHz, which a telephone does not carry. A zero behind
    every sample doubles the rate and mirrors the lower half of the spectrum into the upper one: good enough for it.
    """
    samples = array.array("h", pcm)
    wide = array.array("h", bytes(4 * len(samples)))
    wide[::2] = samples
    with tempfile.NamedTemporaryFile(suffix=".raw") as file:
        file.write(wide.tobytes())
        file.flush()
        result = subprocess.run(["pocketsphinx_continuous", "-infile", file.name, "-jsgf", GRAMMAR, "-logfn", "/dev/null",
                                 "-hmm", f"{MODEL}/en-us", "-dict", f"{MODEL}/cmudict-en-us.dict"],
                                capture_output=True, text=True)
    return result.stdout.strip().replace("\n", " ")


class Ear:
    """Cuts sentences out of the caller's audio, by loudness over the noise."""

    def __init__(self):
        self.noise = LOUD_MIN / 3
        self.frames = []
        self.loud = 0
        self.quiet = 0
        self.speaking = False

    def hear(self, frame):
        """Returns "begin", the bytes of a whole sentence, or None."""
        samples = array.array("h", frame)
        level = (sum(sample * sample for sample in samples) / len(samples)) ** 0.5
        is_loud = level > max(LOUD_MIN, 3 * self.noise)
        if not is_loud:
            self.noise += (level - self.noise) / 50
        self.frames.append(frame)
        self.loud = self.loud + 1 if is_loud else 0
        self.quiet = 0 if is_loud else self.quiet + 1
        if not self.speaking:
            del self.frames[:-(BEFORE_FRAMES + SPEECH_FRAMES)]
            self.speaking = self.loud >= SPEECH_FRAMES
            return "begin" if self.speaking else None
        if self.quiet < PAUSE_FRAMES and len(self.frames) < SENTENCE_FRAMES_MAX:
            return None
        sentence = b"".join(self.frames)
        self.frames, self.loud, self.quiet, self.speaking = [], 0, 0, False
        return sentence


class Bot:
    def __init__(self):
        self.control = int(os.environ.get("VOICEGW_CONTROL_FD", "-1"))
        self.ear = Ear()
        self.heard = b""  # less than a frame of the caller's audio
        self.lines = b""  # less than a line of events
        self.speech = bytearray()  # not written yet
        self.marks = 0  # sentences said and not yet played
        self.clearing = False  # waits for "cleared": nothing may be written
        self.leaving = False

    def command(self, **fields):
        if self.control >= 0:
            os.write(self.control, json.dumps(fields).encode() + b"\n")

    def say(self, text):
        log(f"says: {text}")
        self.speech += speak(text)

    def interrupt(self):
        """The caller speaks: be quiet. What was said already is dropped by the gateway."""
        if self.control < 0 or self.leaving or (not self.speech and not self.marks):
            return
        self.speech.clear()
        self.clearing = True
        self.command(command="clear")

    def on_audio(self, data):
        self.heard += data
        while len(self.heard) >= FRAME:
            frame, self.heard = self.heard[:FRAME], self.heard[FRAME:]
            found = self.ear.hear(frame)
            if found == "begin":
                self.interrupt()
            elif found is not None:
                sentence = recognize(found)
                log(f"heard: {sentence}")
                self.leaving = sentence == "goodbye"
                self.say(answer_to(sentence))

    def on_event(self, event):
        if event["event"] == "mark":
            self.marks -= 1
        elif event["event"] == "cleared":
            self.clearing = False
            log(f"interrupted, {event['dropped_ms']} ms were not heard")
        elif event["event"] == "end":
            sys.exit(0)

    def write(self):
        written = os.write(1, self.speech[:FRAME * 50])
        del self.speech[:written]
        if self.speech:
            return
        # The gateway answers when all of it was played.
        self.marks += 1
        self.command(command="mark", name="said")
        if self.leaving:
            sys.exit(0)  # plays what is left, then hangs up

    def run(self):
        os.set_blocking(1, False)
        self.say("Hello. What can I do for you?")
        while True:
            readers = [0] if self.control < 0 else [0, self.control]
            writers = [1] if self.speech and not self.clearing else []
            readable, writable, _ = select.select(readers, writers, [])
            if self.control in readable:
                data = os.read(self.control, 65536)
                if not data:
                    return
                *lines, self.lines = (self.lines + data).split(b"\n")
                for line in lines:
                    self.on_event(json.loads(line))
            if 0 in readable:
                data = os.read(0, 65536)
                if not data:
                    return  # the caller has hung up
                self.on_audio(data)
            if 1 in writable and self.speech and not self.clearing:
                self.write()


if __name__ == "__main__":
    try:
        Bot().run()
    except (BrokenPipeError, KeyboardInterrupt):
        pass
