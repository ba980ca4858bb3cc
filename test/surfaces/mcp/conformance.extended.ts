// The conformance suite of MCP against a real server. It calls tools, prompts and resources by names of its own, which only a server made for
// it has: those scenarios cannot pass. All others must.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { startTestServer } from '../../helpers/test-server.ts'
import { endpointOf } from './mcp-scene.ts'

/** Each with the number of its checks. */
const passing: Record<string, number> = {
  'server-initialize': 1,
  ping: 1,
  'tools-list': 1,
  'server-sse-multiple-streams': 2,
  'dns-rebinding-protection': 2,
}

/** They call the suite's own tools, or need what this server does not declare: logging, completion, resources and prompts. */
const inapplicable =
  /^(?:tools-call-|elicitation-|resources-|prompts-|json-schema-2020-12$|logging-set-level$|completion-complete$|server-sse-polling$)/

const suite = join(
  dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json')),
  'dist/index.js',
)

test('the conformance suite passes as far as it applies', async (t) => {
  const server = await startTestServer(t)
  const child = spawn(process.execPath, [suite, 'server', '--url', endpointOf(server).href, '--suite', 'all'], {
    cwd: server.folders.root,
    env: { HOME: server.folders.home, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [output] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  const lines = [...output.matchAll(/^[✓✗] ([\w-]+): (\d+) passed, (\d+) failed$/gm)]
  assert.ok(lines.length >= 30, output)
  const applicable = lines.filter(([, name = '']) => !inapplicable.test(name))
  assert.deepEqual(
    Object.fromEntries(applicable.map(([, name, passed, failed]) => [name, [Number(passed), Number(failed)]])),
    Object.fromEntries(Object.entries(passing).map(([name, checks]) => [name, [checks, 0]])),
  )
})
