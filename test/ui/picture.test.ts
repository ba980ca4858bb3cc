// The picture of the page in the README, which is drawn anew by `CLAUDE_SERVE_TEST_PICTURE=docs/page.png npm test`, and the page's
// figures: how much is loaded, and when something is seen.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { noBrowser, openBrowser } from '../helpers/browser.ts'
import { startTestServer } from '../helpers/test-server.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const built = join(root, 'web', 'ui')
const bytesMax = 300_000

const answer = `The test fails because \`total\` adds strings. Two ways out:

| way | changes |
| --- | --- |
| parse where it is read | \`src/read.ts\` |
| parse where it is added | \`src/sum.ts\` |

I'd take the first: then every other reader is right, too.

\`\`\`ts
export const amountOf = (cell: string): number => Number.parseFloat(cell)
\`\`\`
`

const edit = {
  file_path: 'src/read.ts',
  content: 'export const amountOf = (cell: string): number => Number.parseFloat(cell)\n',
}

const sizeOf = async (page: Page) => (await page.viewportSize()) ?? { width: 0, height: 0 }

test('all files of the page together are less than 300 KB, compressed', (t) => {
  const names = readdirSync(built).filter((name) => name !== 'licenses.txt')
  assert.ok(names.includes('page.html') && names.includes('page.js') && names.includes('page.css'))
  const bytes = names.map((name) => gzipSync(readFileSync(join(built, name))).length).reduce((a, b) => a + b)
  t.diagnostic(`the page is ${(bytes / 1000).toFixed(1)} kB, compressed`)
  assert.ok(bytes < bytesMax, String(bytes))
})

test('a conversation looks as in the README', { timeout: 120_000 }, async (t) => {
  const browser = await openBrowser(t)
  if (browser === null) return t.skip(noBrowser)
  const server = await startTestServer(t)
  const page = await browser.newPage({ viewport: { width: 1100, height: 1180 }, colorScheme: 'light' })
  await page.goto(server.url)
  await page.getByRole('textbox', { name: 'Your prompt' }).waitFor()
  const paintMs = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime)
  t.diagnostic(`something is seen after ${Math.round(Number(paintMs))} ms`)
  assert.ok(Number(paintMs) > 0)

  server.upstream.enqueue({ text: answer, tokens: 30 })
  server.upstream.enqueue({ text: 'Done in one place.', tool: 'Write', input: edit })
  for (const words of ['Why does the test of the sum fail?', 'The first one. Go ahead.']) {
    await page.getByRole('textbox', { name: 'Your prompt' }).fill(words)
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: words.startsWith('Why') ? 'Try again' : 'Deny' }).waitFor()
  }
  // The colours of code come a moment later.
  await page.locator('.hljs-keyword').first().waitFor()
  await page.getByRole('heading', { name: 'Claude asks to use Write' }).scrollIntoViewIfNeeded()
  const picture = await page.screenshot({ animations: 'disabled', caret: 'hide' })
  const { width, height } = await sizeOf(page)
  assert.deepEqual([picture.readUInt32BE(16), picture.readUInt32BE(20)], [width, height])
  const target = process.env.CLAUDE_SERVE_TEST_PICTURE
  if (target) writeFileSync(join(root, target), picture)
  await page.getByRole('button', { name: 'Deny' }).click()
  await page.getByText('permission to use Write: denied').waitFor()
})
