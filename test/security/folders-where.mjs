#!/usr/bin/env node
// A stand-in for the `claude` binary that answers with the folder it runs in. It holds its answer back while a file `hold` exists in
// its home folder. Otherwise it behaves like those in test/fakes/.
import { existsSync, watch } from 'node:fs'
import { join } from 'node:path'
import { runFake } from '../fakes/fake-cli.mjs'

const hold = join(process.env.HOME ?? '.', 'hold')

/** Resolves when the file is gone. */
function released() {
  const { promise, resolve } = Promise.withResolvers()
  const watcher = watch(process.env.HOME ?? '.', () => existsSync(hold) || resolve())
  if (!existsSync(hold)) resolve()
  return promise.finally(() => watcher.close())
}

await runFake({
  async turn(turn) {
    await turn.init()
    await released()
    await turn.begin()
    await turn.delta(process.cwd())
    await turn.finish()
  },
})
