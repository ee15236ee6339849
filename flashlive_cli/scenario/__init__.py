"""
Scripted conversations that assert: a scenario file -> a run -> a verdict.

    places.py     TOML, and on which line each of its keys stands
    schema.py     what a scenario may say, as typed tables
    expecting.py  what of it has to come true
    tables.py     what all these tables have in common
    reading.py    a file -> Scenario; every complaint with its file and line
    complaints.py what is wrong with one, in our words
    mistakes.py   all that is wrong, collected
    opening.py    what it names, opened to see whether it will do
    variants.py   [matrix]: one scenario for each voice, model and noise
    naming.py     names of files that every system takes
    stubs.py      tools with canned results
    clips.py      what the user says: WAV files, spoken text, noise mixed in
    pictures.py   what the model is shown beside a turn
    spoken.py     text spoken by espeak-ng, kept for the next time
    staging.py    ears, mouth and turns of a run
    run.py        one scenario held: over a real WebSocket, by the engine of `flashlive talk`
    course.py     what happened in each turn of a run
    listening.py  when something really sounded, on either side
    judging.py    what a turn was expected to bring, held against what it brought
    errorrate.py  how far one text is from another, in words
    outcome.py    what a run came to, for tables and files
    spelling.py   calls of tools, and their values, as text
    scrubbing.py  the key kept out of outcomes
    selection.py  which scenarios: files and folders, a filter, shares
    suite.py      many scenarios, side by side and again and again
    worker.py     one process that runs scenarios
    recorded.py   a recorded talk, taken apart into turns
    suggesting.py what of a recorded turn is worth expecting again
    playing.py    how the simulator plays a recorded turn
    exporting.py  a recorded talk -> a scenario that passes on the simulator
    updating.py   what the service really said -> the [turn.sim] tables of a scenario
    toml.py       values spelled as TOML
    report.py     what a suite came to, as JSON
    junit.py      the same as JUnit XML
    timeline.py   what a page shows of a run, on the conversation's clock
    waveform.py   sound made small enough for a page
    page.py       runs as one HTML file; its style and script are in page/
"""
