// Every component on the path to a file or folder, as the system resolves it: each folder, each link before it is
// followed, and the link's target. Anyone who can change one of them decides which file the path leads to.
import { lstatSync, readlinkSync } from 'node:fs'
import { dirname, join, parse, sep } from 'node:path'

/** The number of links that systems follow. */
const linksMax = 40

const segmentsOf = (path: string) =>
  path
    .slice(parse(path).root.length)
    .split(sep)
    .filter((part) => part !== '' && part !== '.')

function linkTarget(path: string): string | null {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null
  } catch {
    // It does not exist yet, but could be created.
    return null
  }
}

/** The last component is the file itself. */
export function pathComponents(path: string): string[] {
  const components: string[] = []
  // Not with path.resolve, which takes `..` as the folder above a link, not above the link's target.
  let rest = segmentsOf(path)
  let current = parse(path).root || process.cwd()
  for (let links = 0; rest.length > 0; ) {
    const [first = '', ...others] = rest
    const next = join(current, first)
    components.push(next)
    if (first === '..') {
      current = next
      rest = others
      continue
    }
    const target = linkTarget(next)
    if (target === null || ++links > linksMax) {
      current = next
      rest = others
      continue
    }
    current = parse(target).root || dirname(next)
    rest = [...segmentsOf(target), ...others]
  }
  return components
}
