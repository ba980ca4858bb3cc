#!/usr/bin/env node
// A fake `claude` that does not react to a prompt and that only SIGKILL can end.
import { hang, runFake } from './fake-cli.mjs'

await runFake({ immortal: true, turn: hang })
