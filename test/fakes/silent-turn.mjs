#!/usr/bin/env node
// A fake `claude` that is ready, but sends nothing at all after a prompt. An interrupt is acknowledged and changes
// nothing.
import { hang, runFake } from './fake-cli.mjs'

await runFake({ turn: hang })
