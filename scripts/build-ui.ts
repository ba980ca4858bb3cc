// Builds the web page's files (web/ui/) from its sources (ui/), each also compressed. `npm run build:ui` runs it, and so
// do `npm start`, `npm test` and the build of the package. It downloads nothing.
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import { build } from 'esbuild'
import { optionRows } from '../src/core/run-options.ts'

const sources = new URL('../ui/', import.meta.url)
const target = new URL('../web/ui/', import.meta.url)

/** The fields of the options form (ui/lib/options.ts): data only, so that no code of the server is in the page. */
const optionFields = optionRows
  .flatMap(({ field, form }) => (form === undefined ? [] : [{ name: field, ...form }]))
  .toSorted((a, b) => a.position - b.position)
  .map(({ position: _, ...field }) => field)

await rm(target, { recursive: true, force: true })
await mkdir(target, { recursive: true })
const { metafile } = await build({
  entryPoints: [new URL('main.tsx', sources).pathname],
  outdir: target.pathname,
  entryNames: 'page',
  // Parts that are loaded later are named after their source.
  chunkNames: '[name]',
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  define: { optionFields: JSON.stringify(optionFields) },
  metafile: true,
  logLevel: 'warning',
})
for (const name of ['page.html', 'page.css', 'icon.svg']) {
  await copyFile(new URL(name === 'icon.svg' ? '../web/icon.svg' : name, sources), new URL(name, target))
}

/** The server sends these to browsers that accept them (src/http/static-files.ts). */
for (const name of await readdir(target)) {
  const bytes = await readFile(new URL(name, target))
  await writeFile(new URL(`${name}.br`, target), await promisify(brotliCompress)(bytes))
  await writeFile(new URL(`${name}.gz`, target), await promisify(gzip)(bytes, { level: 9 }))
}

/** The packages that are bundled into the page: their licenses must be distributed with it. */
const packages = new Set(
  Object.keys(metafile.inputs).flatMap((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
)
const licenses = [...packages].toSorted().map(async (folder) => {
  const name = (await readdir(folder)).find((each) => /^licen[cs]e/i.test(each))
  if (name === undefined) throw new Error(`${folder} has no license`)
  return `${folder.replace(/^.*node_modules\//, '')}\n\n${(await readFile(`${folder}/${name}`, 'utf8')).trim()}\n`
})
await writeFile(new URL('licenses.txt', target), (await Promise.all(licenses)).join('\n----\n\n'))
