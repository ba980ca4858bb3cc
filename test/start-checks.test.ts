// What must hold before a server starts beyond loopback: in a container the loopback names are enough, but a key is required there too.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '../src/config/load.ts'
import type { Store } from '../src/core/store.ts'
import { StartupError } from '../src/errors.ts'
import { refuseOpenDoor } from '../src/start-checks.ts'
import { makeFolders } from './helpers/test-server.ts'

const storeWith = (hasKeys: boolean) => ({ hasKeys: async () => hasKeys, close: async () => {} }) as unknown as Store

test('beyond loopback a key is required, and outside of a container a host name', async (t) => {
  const { home, cwd } = makeFolders(t)
  const { config } = loadConfig({ flags: {}, environment: { HOME: home }, cwd, isTerminal: false })
  const wide = { ...config, host: '0.0.0.0' }
  const cases: [isContainer: boolean, hasKeys: boolean, allowHosts: string[], refusal: RegExp | null][] = [
    [false, false, ['box.example'], /at least one API key/],
    [false, true, [], /--allow-host/],
    [false, true, ['box.example'], null],
    [true, false, [], /at least one API key/],
    [true, true, [], null],
  ]
  for (const [isContainer, hasKeys, allowHosts, refusal] of cases) {
    const started = refuseOpenDoor({ ...wide, allowHosts }, storeWith(hasKeys), isContainer)
    if (refusal === null) await started
    else
      await assert.rejects(started, (error) => {
        assert.ok(error instanceof StartupError)
        assert.match(error.message, refusal)
        return true
      })
  }
})
