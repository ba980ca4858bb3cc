// A real browser for tests: finds an installed Chromium and starts it without a window. Nothing is downloaded; if there
// is none, tests are skipped with a message that says what to install.
import { mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

/** A test's context, or `after` of a whole file. */
export type Cleanup = { after(close: () => Promise<void>): void }

export type BrowserOptions = {
  /** Host names that resolve to 127.0.0.1. Others do not resolve, except those of this machine. */
  names?: readonly string[]
  /** Additional Chromium switches. */
  args?: readonly string[]
  /** Allows extensions to be loaded later. */
  withExtensions?: boolean
}

/** Why a test is skipped if `openBrowser` returns null. */
export const noBrowser = [
  'needs Chromium or Chrome, and what its sandbox needs: install the packages chromium and chromium-sandbox,',
  'or name an executable in CLAUDE_SERVE_TEST_CHROMIUM',
].join(' ')

const usualPaths = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** The Chromium for tests: the one that the environment names, or one at a usual path; null if there is none. */
export function chromiumPath(): string | null {
  return process.env.CLAUDE_SERVE_TEST_CHROMIUM || (usualPaths.find(isUsable) ?? null)
}

/** A snap cannot see the temporary folder, and its placeholder script only prints how to install it. */
function isUsable(path: string): boolean {
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (size === undefined || realpathSync(path).endsWith('/snap')) return false
  return size > 100_000 || !readFileSync(path, 'utf8').includes('/snap/')
}

const local = ['localhost', '*.localhost', 'localhost.', '127.*', '0.0.0.0', '::1', '::ffff:7f00:1']

function resolverRules(names: readonly string[]): string {
  const mapped = names.map((name) => `MAP ${name} 127.0.0.1`)
  return [...mapped, 'MAP * ~NOTFOUND', ...local.map((name) => `EXCLUDE ${name}`)].join(',')
}

/** Chrome no longer has a switch that loads an extension. */
const debugExtensions = '--enable-unsafe-extension-debugging'

/** Containers often deny what the sandbox needs to users other than root. */
const sandboxError = /sandboxing failed|No usable sandbox/

/**
 * Null if no Chromium can be started. Closed after the test; its profile and everything else that it writes are in
 * temporary folders, which are removed with it.
 */
export async function openBrowser(t: Cleanup, options: BrowserOptions = {}): Promise<Browser | null> {
  const executablePath = chromiumPath()
  if (executablePath === null) return null
  const { names = [], args = [], withExtensions = false } = options
  const home = mkdtempSync(join(tmpdir(), 'claude-serve-browser-'))
  const removeHome = () => rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  try {
    const browser = await chromium.launch({
      executablePath,
      chromiumSandbox: process.getuid?.() !== 0,
      env: { PATH: '/usr/bin:/bin', HOME: home, TMPDIR: home, LANG: 'C.UTF-8' },
      ignoreDefaultArgs: withExtensions ? ['--disable-extensions'] : [],
      args: [`--host-resolver-rules=${resolverRules(names)}`, ...(withExtensions ? [debugExtensions] : []), ...args],
    })
    t.after(async () => {
      await browser.close()
      removeHome()
    })
    return browser
  } catch (error) {
    removeHome()
    if (sandboxError.test(String(error)) && !process.env.CLAUDE_SERVE_TEST_CHROMIUM) return null
    throw error
  }
}

/** Loads the extension in the folder into a browser that was opened `withExtensions`. */
export async function loadExtension(browser: Browser, folder: string): Promise<void> {
  const session = await browser.newBrowserCDPSession()
  await session.send('Extensions.loadUnpacked', { path: folder })
  await session.detach()
}
