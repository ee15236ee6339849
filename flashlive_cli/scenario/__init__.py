"""
Scripted conversations that assert: a scenario file -> a run -> a verdict.

    places.py     TOML, and on which line each of its keys stands
    schema.py     what a scenario may say, as typed tables
    reading.py    a file -> Scenario; every complaint with its file and line
    variants.py   [matrix]: one scenario for each voice, model and noise
    stubs.py      tools with canned results
    clips.py      what the user says: WAV files, spoken text, noise mixed in
    spoken.py     text spoken by espeak-ng, kept for the next time
    staging.py    ears, mouth and turns of a run
    run.py        one scenario held: over a real WebSocket, by the engine of `flashlive talk`
    course.py     what happened in each turn of a run
    listening.py  when something really sounded, on either side
    judging.py    what a turn was expected to bring, held against what it brought
    errorrate.py  how far one text is from another, in words
    outcome.py    what a run came to, for tables and files
"""
