// The command `open`: the web page of the running server, in a browser or as a link. Where there are API keys, the link holds a code
// that is made here, in the data folder. Not for what the code is worth (see ../auth/login-links.ts).

import { createLoginLink, type LoginLink } from '../../auth/login-links.ts'
import { processEnvironment } from '../../config/load.ts'
import { openKeyStore } from '../../store/key-store.ts'
import {
  answer,
  CommandError,
  type ExitCode,
  type LocationFlags,
  note,
  print,
  printJson,
  settingsFor,
} from '../command.ts'
import { runningServer } from '../server-client.ts'
import { hasScreen, openInBrowser } from './browser.ts'

export type OpenFlags = LocationFlags & { print?: boolean }

export function openPage(flags: OpenFlags): Promise<ExitCode> {
  return answer('open', async () => {
    const { dataDir } = settingsFor(flags)
    const server = await runningServer(flags)
    if (server === null) throw new CommandError(`no server runs in ${dataDir}: start one with claude-serve`)
    const page = `${server.url}/`
    const link = await makeLink(dataDir, server.url)
    const address = link?.address ?? page
    const fault = flags.print === true ? null : await tryToOpen(address)
    const isOpened = flags.print !== true && fault === null
    if (flags.json === true) {
      const expiresAt = link === null ? null : new Date(link.expiresAtMs).toISOString()
      printJson({ url: address, expires_at: expiresAt, opened: isOpened })
    } else print(isOpened ? `opened ${page}` : address)
    if (fault !== null)
      note(`${fault}: open the link yourself${link === null ? '' : ' (it works once, within a minute)'}`)
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

/** Why it was not opened; null where it was. */
async function tryToOpen(address: string): Promise<string | null> {
  const environment = processEnvironment()
  if (!hasScreen(environment)) return 'there is no screen here'
  try {
    await openInBrowser(address, environment)
    return null
  } catch (fault) {
    return `no browser could be started (${fault instanceof Error ? fault.message : String(fault)})`
  }
}
