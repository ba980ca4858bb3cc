// Selects the view by the URL fragment, which is never sent to a server.
import { computed, signal } from '@preact/signals'

const hash = signal(location.hash)
addEventListener('hashchange', () => {
  hash.value = location.hash
})

export type Route = { view: string; id: string | null }

/**
 * `#/runs/run_1` is the view `runs` with the id `run_1`. Anything that cannot be an id becomes null, because ids go
 * into API paths.
 */
export const route = computed<Route>(() => {
  const [, view = 'chat', id = null] = hash.value.replace(/^#/, '').split('/')
  return { view, id: id !== null && /^[\w-]+$/.test(id) ? id : null }
})

export const hrefOf = (view: string, id?: string) => `#/${view}${id === undefined ? '' : `/${id}`}`

export function go(view: string, id?: string): void {
  location.hash = hrefOf(view, id)
}

/** Changes the URL without adding a history entry. */
export function replaceRoute(view: string, id?: string): void {
  history.replaceState(null, '', hrefOf(view, id))
  hash.value = location.hash
}
