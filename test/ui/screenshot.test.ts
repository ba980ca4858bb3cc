// The screenshot of the page in the README, which `CLAUDE_SERVE_TEST_PICTURE=docs/page.png npm run test:extended` updates, and the
// page's size and time to first paint.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { noBrowser, openBrowser } from '../helpers/browser.ts'
import { extendedTest, test } from '../helpers/extended.ts'
import { startTestServer } from '../helpers/test-server.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const builtPage = join(root, 'web', 'ui')
const bytesMax = 300_000

const answer = `The test fails because \`total\` adds strings. There are two ways to fix it:

| fix | file |
| --- | --- |
| parse when reading | \`src/read.ts\` |
| parse when adding | \`src/sum.ts\` |

I'd choose the first: it fixes every other caller, too.

\`\`\`ts
export const amountOf = (cell: string): number => Number.parseFloat(cell)
\`\`\`
`

const edit = {
  file_path: 'src/read.ts',
  content: 'export const amountOf = (cell: string): number => Number.parseFloat(cell)\n',
}

const sizeOf = async (page: Page) => (await page.viewportSize()) ?? { width: 0, height: 0 }

test('the compressed files of the page are less than 300 KB in total', (t) => {
  const names = readdirSync(builtPage).filter((name) => name !== 'licenses.txt' && !/\.(?:br|gz)$/.test(name))
  assert.ok(names.includes('page.html') && names.includes('page.js') && names.includes('page.css'))
  const bytes = names.map((name) => gzipSync(readFileSync(join(builtPage, name))).length).reduce((a, b) => a + b)
  t.diagnostic(`the page is ${(bytes / 1000).toFixed(1)} kB compressed`)
  assert.ok(bytes < bytesMax, String(bytes))
})

extendedTest('a conversation looks like the screenshot in the README', { timeout: 120_000 }, async (t) => {
  const browser = await openBrowser(t)
  if (browser === null) return t.skip(noBrowser)
  const server = await startTestServer(t)
  const page = await browser.newPage({ viewport: { width: 1100, height: 1180 }, colorScheme: 'light' })
  await page.goto(server.url)
  await page.getByRole('textbox', { name: 'Your prompt' }).waitFor()
  const paintMs = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime)
  t.diagnostic(`first paint after ${Math.round(Number(paintMs))} ms`)
  assert.ok(Number(paintMs) > 0)

  server.upstream.enqueue({ text: answer, tokens: 30 })
  server.upstream.enqueue({ text: 'I’ll make the change in one place.', tool: 'Write', input: edit })
  for (const prompt of ['Why does the sum test fail?', 'The first one. Go ahead.']) {
    await page.getByRole('textbox', { name: 'Your prompt' }).fill(prompt)
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: prompt.startsWith('Why') ? 'Try again' : 'Deny' }).waitFor()
  }
  // Code is highlighted a moment later.
  await page.locator('.hljs-keyword').first().waitFor()
  await page.getByRole('heading', { name: 'Claude wants to use Write' }).scrollIntoViewIfNeeded()
  const screenshot = await page.screenshot({ animations: 'disabled', caret: 'hide' })
  const { width, height } = await sizeOf(page)
  assert.deepEqual([screenshot.readUInt32BE(16), screenshot.readUInt32BE(20)], [width, height])
  const target = process.env.CLAUDE_SERVE_TEST_PICTURE
  if (target) writeFileSync(join(root, target), screenshot)
  await page.getByRole('button', { name: 'Deny' }).click()
  await page.getByText('Permission to use Write: denied').waitFor()
})
