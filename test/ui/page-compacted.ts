// The web page: a conversation that Claude Code has compacted is shown as a whole, with a mark where it was compacted.
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from '../../src/claude/sessions/transcript.ts'
import { scene } from './shared-scene.ts'

const id = '44444444-4444-4444-8444-444444444444'

scene.test('a compacted conversation is shown as a whole, with the summary at each mark', async ({ page, url }) => {
  const folder = projectFolder(join(scene.server.folders.dataDir, 'demo'), '/tmp/proj')
  mkdirSync(folder, { recursive: true })
  copyFileSync(new URL('../fixtures/compacted-session.jsonl', import.meta.url), join(folder, `${id}.jsonl`))
  await page.goto(`${url}/#/chat/${id}`)
  await page.getByText('cuatro', { exact: true }).waitFor()
  const shown = (text: string) => page.getByRole('article').getByText(text, { exact: true }).count()
  for (const text of ['one', 'uno', 'tres', 'four']) assert.equal(await shown(text), 1, text)
  const marks = page.getByText('Compacted here, at 30 tokens')
  assert.equal(await marks.count(), 2)
  await marks.first().click()
  await page.getByText('The user counts in Spanish.').first().waitFor()
})
