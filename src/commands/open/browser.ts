// Opens an address in the user's browser with the package `open`, which is loaded only when needed. It runs in a thread because the
// package passes its whole environment to the browser. Not for which address is opened.
import { Worker } from 'node:worker_threads'
import type { Environment } from '../../config/sources.ts'

/** In the compiled program, the worker's file is compiled too, and the compiler does not rewrite a name in a string. */
const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
const workerUrl = new URL(`./browser-worker${extension}`, import.meta.url)

/** Whether there is a screen on which a browser could be shown. */
export function hasScreen({ DISPLAY, WAYLAND_DISPLAY }: Environment): boolean {
  return process.platform === 'darwin' || process.platform === 'win32' || Boolean(DISPLAY || WAYLAND_DISPLAY)
}

/** The user's variables that a browser needs, and the desktop's programs that look for it. */
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

/** An allowlist, so that secrets stay in this process: the provider's login and our own keys. */
export function browserEnvironment(own: Environment): Record<string, string> {
  const isAllowed = (name: string) => allowed.has(name.toUpperCase()) || families.test(name)
  const entries = Object.entries(own).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries(entries.filter(([name]) => isAllowed(name)))
}

/** Resolves once the browser has received the address; whether it shows the page is not known. Rejects if there is no browser. */
export function openInBrowser(address: string, own: Environment): Promise<void> {
  const worker = new Worker(workerUrl, {
    name: 'browser',
    env: browserEnvironment(own),
    workerData: address,
    argv: [],
    execArgv: [],
    // What the thread prints is not part of our output.
    stdout: true,
    stderr: true,
  })
  return new Promise((resolve, reject) => {
    worker.once('error', reject)
    worker.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`the browser thread exited with code ${code}`)),
    )
  })
}
