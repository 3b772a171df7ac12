# Loads of one row: to two neighbouring places, and from another one (src/touched.rs).
.config tiny-fuzz
.regions r1=0 r2=64 r3=0
LDA.ld region=R2 loc=0x100 n=[32,1,1,1]
LDA.ld region=R2 loc=0x110 n=[32,1,1,1]
LDA.ld region=R2 off=16 loc=0x100 n=[32,1,1,1]
VX.halt
