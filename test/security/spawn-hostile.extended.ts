// The combinations that spawn-hostile.test.ts leaves out.
import './spawn-hostile.test.ts'
