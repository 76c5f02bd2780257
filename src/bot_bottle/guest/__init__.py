"""Programs that run inside a bottle, and the frames they speak: standard library only, nothing else of bot_bottle."""
