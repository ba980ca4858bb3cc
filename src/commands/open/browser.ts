// Opens an address in the user's browser, by the package `open`, which is loaded only then: in a thread, as the package gives the
// browser whatever environment it finds. Not for which address.
import { Worker } from 'node:worker_threads'
import type { Environment } from '../../config/sources.ts'

/** Where the program is compiled, so is the thread's file: nobody rewrites the name in a string. */
const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
const workerUrl = new URL(`../browser-worker${extension}`, import.meta.url)

/** Whether there is a screen that a browser could be shown on. */
export function hasScreen({ DISPLAY, WAYLAND_DISPLAY }: Environment): boolean {
  return process.platform === 'darwin' || process.platform === 'win32' || Boolean(DISPLAY || WAYLAND_DISPLAY)
}

/** What a browser and the desktop's own programs, which look for it, need of the user's variables. */
const allowed = new Set(
  [
    'PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TERM BROWSER',
    'DISPLAY WAYLAND_DISPLAY XAUTHORITY XMODIFIERS DBUS_SESSION_BUS_ADDRESS DESKTOP_SESSION SSH_CONNECTION SSH_CLIENT SSH_TTY',
    'HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY',
    'SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT PSMODULEPATH USERNAME USERPROFILE HOMEDRIVE HOMEPATH',
    'APPDATA LOCALAPPDATA PROGRAMDATA PROGRAMFILES PROGRAMFILES(X86) TEMP TMP',
  ].flatMap((line) => line.split(' ')),
)
const families = /^(?:LC|XDG|KDE|GNOME|GTK|GDK|QT|MOZ|WSL)_[A-Z0-9_]+$|^WSLENV$/

/** A list, so that what is secret here stays here: the provider's login, and our own keys. */
export function browserEnvironment(own: Environment): Record<string, string> {
  const isAllowed = (name: string) => allowed.has(name.toUpperCase()) || families.test(name)
  const kept = Object.entries(own).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries(kept.filter(([name]) => isAllowed(name)))
}

/** Resolves when the browser was told; whether it shows the page nobody says. Rejects where there is none to be told. */
export function openInBrowser(address: string, own: Environment): Promise<void> {
  const worker = new Worker(workerUrl, {
    name: 'browser',
    env: browserEnvironment(own),
    workerData: address,
    argv: [],
    execArgv: [],
    // What it might print belongs to no result of ours.
    stdout: true,
    stderr: true,
  })
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`its thread ended with ${code}`))))
  })
}
