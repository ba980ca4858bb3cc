// Further shapes and sizes of bodies.
import './blocking-bodies.test.ts'
