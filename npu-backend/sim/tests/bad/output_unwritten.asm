# E_OUTPUT_UNWRITTEN: the last byte of R3 is never stored
.config tiny-fuzz
.regions r1=0 r2=0 r3=16
VX.fill d_dt=u8 d_s=[1,0,0,0] n=[16,1,1,1] ; sig s0
ST.st region=R3 n=[15,1,1,1] ; wait s0 # fix: ST.st region=R3 n=[16,1,1,1] ; wait s0
VX.halt
