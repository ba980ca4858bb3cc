// The server's access checks, tested with a real browser: what pages of every kind can send and read, and what they cannot. Each title
// begins with the number of its attack. Needs an installed Chromium.
import { after } from 'node:test'
import { noBrowser, openBrowser } from '../helpers/browser.ts'
import { test } from '../helpers/extended.ts'
import { namedOrigin } from './browser-cors.ts'
import { extension } from './browser-extension.ts'
import { foreignPages, openDoor, reboundName, unidentified } from './browser-foreign.ts'
import { ownPage } from './browser-own.ts'
import { startHome } from './browser-scene.ts'
import { addresses, cookies, frames, history, internet, speculation } from './browser-visits.ts'

const cleanup = { after }
const home = await startHome(cleanup)
const publicHome = await startHome(cleanup)
const browser = await openBrowser(cleanup, {
  names: ['evil.example', 'rebound.example', 'app.example', 'box.example'],
  args: [`--ip-address-space-overrides=127.0.0.1:${publicHome.port}=public`],
  withExtensions: true,
})

if (browser === null) test('pages of every kind, in a browser', { skip: noBrowser }, () => {})
else {
  const scene = { browser, home, publicHome }
  for (const run of [openDoor, foreignPages, unidentified, reboundName, ownPage, namedOrigin]) run(scene)
  for (const run of [cookies, frames, addresses, history, speculation, internet, extension]) run(scene)
}
