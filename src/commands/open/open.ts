// The command `open`: opens the web page of the running server in a browser, or prints a link to it. If there are API keys, the link
// contains a code that is created here, in the data folder. Not for what the code permits (see auth/login-links.ts).

import { createLoginLink, type LoginLink } from '../../auth/login-links.ts'
import { processEnvironment } from '../../config/load.ts'
import { installation } from '../../platform/installation.ts'
import { openKeyStore } from '../../store/key-store.ts'
import {
  CommandError,
  type ExitCode,
  type LocationFlags,
  note,
  print,
  printJson,
  reasonOf,
  runCommand,
  settingsFor,
} from '../command.ts'
import { runningServer } from '../server-client.ts'
import { hasScreen, openInBrowser } from './browser.ts'

export type OpenFlags = LocationFlags & { print?: boolean }

export function openPage(flags: OpenFlags): Promise<ExitCode> {
  return runCommand('open', async () => {
    const { dataDir } = settingsFor(flags)
    const server = await runningServer(flags)
    if (server === null)
      throw new CommandError(`no server is running in ${dataDir}: start one with ${installation().call}`)
    const page = `${server.url}/`
    const link = await makeLink(dataDir, server.url)
    const address = link?.address ?? page
    const problem = flags.print === true ? null : await tryToOpen(address)
    const isOpened = flags.print !== true && problem === null
    if (flags.json === true) {
      const expiresAt = link === null ? null : new Date(link.expiresAtMs).toISOString()
      printJson({ url: address, expires_at: expiresAt, opened: isOpened })
    } else print(isOpened ? `opened ${page}` : address)
    if (problem !== null)
      note(`${problem}: open the link yourself${link === null ? '' : ' (it works once, within a minute)'}`)
  })
}

async function makeLink(dataDir: string, url: string): Promise<LoginLink | null> {
  const keys = await openKeyStore(dataDir, note)
  try {
    return await createLoginLink(url, keys, Date.now())
  } finally {
    await keys.close()
  }
}

/** Why the address was not opened; null if it was. */
async function tryToOpen(address: string): Promise<string | null> {
  const environment = processEnvironment()
  if (!hasScreen(environment)) return 'no display is available'
  try {
    await openInBrowser(address, environment)
    return null
  } catch (error) {
    return `no browser could be started (${reasonOf(error)})`
  }
}
