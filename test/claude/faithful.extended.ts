// The combinations that faithful.test.ts leaves out.
import './faithful.test.ts'
