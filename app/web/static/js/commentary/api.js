// Requests to the commentary service.

import { request } from "../api.js";

const COMMENTARY = "/api/commentary";
const at = (id, rest = "") => `${COMMENTARY}/sessions/${encodeURIComponent(id)}${rest}`;

export const status = () => request("GET", `${COMMENTARY}/status`);
export const sources = () => request("GET", `${COMMENTARY}/sources`);
export const profiles = async () => (await request("GET", `${COMMENTARY}/profiles`)).profiles;

/** Sessions, newest first; those that are over too. */
export const listSessions = async () => (await request("GET", `${COMMENTARY}/sessions`)).sessions;
export const newSession = (wishes) => request("POST", `${COMMENTARY}/sessions`, wishes);
export const changeSession = (id, wishes) => request("PATCH", at(id), wishes);
export const endSession = (id) => request("POST", at(id, "/end"));
/** What lets this browser into a room: `token`; into an interpreted one with the language that is spoken and heard. */
export const enterRoom = (room, language = "") => request("POST", `${COMMENTARY}/livekit/token`, { room, language });
/** Has a room interpreted until everybody has left it. */
export const interpret = (room) => request("POST", `${COMMENTARY}/livekit/interpreted`, { room });
export const interpretedRooms = async () => (await request("GET", `${COMMENTARY}/livekit/interpreted`)).rooms;

export const eventsAddress = (id) => at(id, "/events");
export const pictureAddress = (id, count) => at(id, `/picture.jpg?${count}`);
export const soundAddress = (id, comment) => at(id, `/comments/${comment}/sound.wav`);
export const historyAddress = (id, format) => at(id, `/history?format=${format}`);
